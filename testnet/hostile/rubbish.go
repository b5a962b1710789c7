package hostile

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"meshpresence/transport/rud/wire"
)

// maxRubbish is the longest datagram of Rubbish: what an Ethernet carries.
const maxRubbish = 1500

// Rubbish makes datagrams that no friend sends and no node answers, from a seed:
// random bytes of every length, packets that begin like a handshake, the real
// packets of a connection cut short, and the same bent or under an id that
// nobody issued. None of it is a Hello that a newcomer could have sent.
type Rubbish struct {
	src  *rand.ChaCha8
	rng  *rand.Rand // on src
	real [][]byte
	buf  []byte
	n    int
}

// NewRubbish returns the rubbish of a seed. The real packets are a connection's,
// to the node: Hello, Complete and data.
func NewRubbish(seed uint64, real [][]byte) *Rubbish {
	src := rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), seed)))
	return &Rubbish{src: src, rng: rand.New(src), real: real, buf: make([]byte, maxRubbish)}
}

// Next returns another datagram, which is lent until the next call, and what
// kind of rubbish it is.
func (r *Rubbish) Next() (kind string, data []byte) {
	kinds := [...]struct {
		name string
		make func() []byte
	}{
		{"random", r.random},
		{"random after zeros", r.handshake},
		{"cut", r.cut},
		{"bent", r.bent},
		{"wrong id", r.wrongID},
	}
	k := kinds[r.n%len(kinds)]
	r.n++
	return k.name, k.make()
}

// fill puts n random bytes into the buffer.
func (r *Rubbish) fill(n int) []byte {
	r.src.Read(r.buf[:n])
	return r.buf[:n]
}

// random takes the lengths in turn, the empty datagram included.
func (r *Rubbish) random() []byte {
	b := r.fill(r.n / 5 % (maxRubbish + 1))
	if len(b) >= wire.SizeID {
		b[0] |= 1 // not the zeros of a handshake
	}
	return b
}

// handshake begins with the zeros of a handshake, has the length of one half of
// the time, and a type that exists.
func (r *Rubbish) handshake() []byte {
	n := r.rng.IntN(maxRubbish + 1)
	if r.rng.IntN(2) == 0 {
		n = []int{wire.SmallPacket, wire.MaxPacket}[r.rng.IntN(2)]
	}
	b := r.fill(n)
	clear(b[:min(n, wire.SizeZeros)])
	if n > wire.SizeZeros {
		b[wire.SizeZeros] = byte(r.rng.IntN(6))
	}
	return b
}

func (r *Rubbish) pick() []byte {
	return append(r.buf[:0], r.real[r.rng.IntN(len(r.real))]...)
}

// cut is a real packet without its end. A Hello cut to the smaller size is a
// Hello, so that length is left out.
func (r *Rubbish) cut() []byte {
	b := r.pick()
	n := r.rng.IntN(len(b))
	if n == wire.SmallPacket {
		n--
	}
	return b[:n]
}

// bent is a real packet with bits flipped where nothing is free.
func (r *Rubbish) bent() []byte {
	b := r.pick()
	from := 0
	if bytes.Equal(b[:wire.SizeZeros], make([]byte, wire.SizeZeros)) && b[wire.SizeZeros] == wire.TypeHello {
		from = helloFree // the handshake id and what it expects are the sender's choice
	}
	at := from + r.rng.IntN(len(b)-from)
	b[at] ^= 1 << r.rng.IntN(8)
	return b
}

// helloFree is where the fields of a Hello end that a sender chooses: what
// follows is an extension list of none, and zeros.
const helloFree = wire.SizeZeros + 3 + wire.SizeID + wire.SizeExpect

// wrongID is a packet of data under an id that nobody issued.
func (r *Rubbish) wrongID() []byte {
	b := r.pick()
	r.src.Read(b[:wire.SizeID])
	b[0] |= 1
	return b
}
