package federation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// What a request asks; an answer has none.
const (
	askHello = "hello"
	askKin   = "kin"
	askSums  = "sums"
	askRows  = "rows"
	askWant  = "want"
	askOffer = "offer"
	askGive  = "give"
	askKeep  = "keep"
	askHost  = "host"
	askList  = "list"
)

// errFrame means that a peer sent what is not a frame within its bounds.
var errFrame = errors.New("not a frame")

// frame is the one message of the three stream protocols; which members it has
// depends on the protocol and what is asked (package doc).
type frame struct {
	Ask            string
	Code           mpp.Code
	Account, After key.Hash
	Sums           []AccountSum
	Rows           []Row
	Hashes         []key.Hash
	Results        []Result
	Facts          []*record.Fact
	More           bool
}

// append writes the frame's object; absent members are not written.
func (f *frame) append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	if f.Ask != "" {
		b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Ask"), f.Ask)
	}
	if f.Code != 0 {
		b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "Code"), int64(f.Code))
	}
	if !f.Account.IsZero() {
		b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "Account"), f.Account[:])
	}
	if !f.After.IsZero() {
		b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "After"), f.After[:])
	}
	b = f.appendLists(b)
	if len(f.Facts) > 0 {
		b = appendFacts(jsonbcd.AppendName(b, "Facts"), f.Facts)
	}
	if f.More {
		b = jsonbcd.AppendBool(jsonbcd.AppendName(b, "More"), true)
	}
	return jsonbcd.AppendObjectEnd(b)
}

func (f *frame) appendLists(b []byte) []byte {
	if len(f.Sums) > 0 {
		b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Sums"))
		for i := range f.Sums {
			b = f.Sums[i].append(b)
		}
		b = jsonbcd.AppendArrayEnd(b)
	}
	if len(f.Rows) > 0 {
		b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Rows"))
		for i := range f.Rows {
			b = f.Rows[i].append(b)
		}
		b = jsonbcd.AppendArrayEnd(b)
	}
	if len(f.Hashes) > 0 {
		b = appendHashes(jsonbcd.AppendName(b, "Hashes"), f.Hashes)
	}
	if len(f.Results) > 0 {
		b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Results"))
		for i := range f.Results {
			b = f.Results[i].append(b)
		}
		b = jsonbcd.AppendArrayEnd(b)
	}
	return b
}

func (s *AccountSum) append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "A"), s.Account[:])
	b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "C"), s.Count)
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "S"), s.Sum[:])
	return jsonbcd.AppendObjectEnd(b)
}

func (r *Row) append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "H"), r.Hash[:])
	b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "N"), r.Serial)
	if r.Expires != 0 {
		b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "E"), int64(r.Expires))
	}
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "K"), []byte(r.Key))
	return jsonbcd.AppendObjectEnd(b)
}

func (r *Result) append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "H"), r.Hash[:])
	b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "C"), int64(r.Code))
	return jsonbcd.AppendObjectEnd(b)
}

func appendFacts(b []byte, facts []*record.Fact) []byte {
	b = jsonbcd.AppendArray(b)
	for _, f := range facts {
		b = f.Append(b)
	}
	return jsonbcd.AppendArrayEnd(b)
}

func appendHashes(b []byte, hashes []key.Hash) []byte {
	b = jsonbcd.AppendArray(b)
	for i := range hashes {
		b = jsonbcd.AppendBinary(b, hashes[i][:])
	}
	return jsonbcd.AppendArrayEnd(b)
}

// parseFrame reads one frame, which must be all of b. Members it does not know
// are skipped, and so are facts of a kind it does not know.
func parseFrame(b []byte) (*frame, error) {
	r := jsonbcd.NewReader(b)
	r.Unique = true
	f := new(frame)
	if err := f.read(r); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return f, nil
}

func (f *frame) read(r *jsonbcd.Reader) error {
	return eachMember(r, func(name string) (err error) {
		switch name {
		case "Ask":
			f.Ask, err = r.String()
		case "Code":
			var code int64
			code, err = r.Int()
			f.Code = mpp.Code(code)
		case "Account":
			f.Account, err = readHash(r)
		case "After":
			f.After, err = readHash(r)
		case "Sums":
			f.Sums, err = readList(r, maxFrameSums, readSum)
		case "Rows":
			f.Rows, err = readList(r, RowPage, readRow)
		case "Hashes":
			f.Hashes, err = readList(r, maxFrameHashes, readHash)
		case "Results":
			f.Results, err = readList(r, maxFrameFacts, readResult)
		case "Facts":
			f.Facts, err = readList(r, maxFrameFacts, readFact)
			f.Facts = known(f.Facts)
		case "More":
			f.More, err = r.Bool()
		default:
			err = r.Skip()
		}
		return err
	})
}

func readSum(r *jsonbcd.Reader) (s AccountSum, err error) {
	err = eachMember(r, func(name string) (err error) {
		switch name {
		case "A":
			s.Account, err = readHash(r)
		case "C":
			s.Count, err = r.Int()
		case "S":
			var sum key.Hash
			sum, err = readHash(r)
			s.Sum = sum
		default:
			err = r.Skip()
		}
		return err
	})
	return s, err
}

func readRow(r *jsonbcd.Reader) (row Row, err error) {
	err = eachMember(r, func(name string) (err error) {
		switch name {
		case "H":
			row.Hash, err = readHash(r)
		case "N":
			row.Serial, err = r.Int()
		case "E":
			var at int64
			at, err = r.Int()
			row.Expires = wall.Time(at)
		case "K":
			var k []byte
			if k, err = r.Bytes(); err == nil && len(k) > maxRowKey {
				err = fmt.Errorf("row key of %d bytes", len(k))
			}
			row.Key = string(k)
		default:
			err = r.Skip()
		}
		return err
	})
	return row, err
}

func readResult(r *jsonbcd.Reader) (res Result, err error) {
	err = eachMember(r, func(name string) (err error) {
		switch name {
		case "H":
			res.Hash, err = readHash(r)
		case "C":
			var code int64
			code, err = r.Int()
			res.Code = mpp.Code(code)
		default:
			err = r.Skip()
		}
		return err
	})
	return res, err
}

// readFact returns nil for a fact of an unknown kind.
func readFact(r *jsonbcd.Reader) (*record.Fact, error) {
	raw, err := r.Raw()
	if err != nil {
		return nil, err
	}
	f, err := record.Parse(raw)
	if errors.Is(err, record.ErrKind) {
		return nil, nil
	}
	return f, err
}

// known drops the facts of unknown kinds, in place.
func known(facts []*record.Fact) []*record.Fact {
	return slices.DeleteFunc(facts, func(f *record.Fact) bool { return f == nil })
}

func readHash(r *jsonbcd.Reader) (h key.Hash, err error) {
	b, err := r.Bytes()
	if err != nil {
		return h, err
	}
	if len(b) != key.HashSize {
		return h, fmt.Errorf("hash of %d bytes", len(b))
	}
	return key.Hash(b), nil
}

// eachMember enters an object and calls read for every member, which must
// consume its value.
func eachMember(r *jsonbcd.Reader, read func(name string) error) error {
	if err := r.Object(); err != nil {
		return err
	}
	for {
		name, ok, err := r.Next()
		if err != nil || !ok {
			return err
		}
		if err := read(string(name)); err != nil {
			return err
		}
	}
}

// readList reads an array of at most limit elements.
func readList[T any](r *jsonbcd.Reader, limit int, read func(*jsonbcd.Reader) (T, error)) ([]T, error) {
	if err := r.Array(); err != nil {
		return nil, err
	}
	var list []T
	for {
		more, err := r.More()
		if err != nil || !more {
			return list, err
		}
		if len(list) == limit {
			return nil, fmt.Errorf("list of more than %d elements", limit)
		}
		v, err := read(r)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// writeFrame sends a frame: its length in 4 bytes, big endian, then its object.
func writeFrame(w io.Writer, f *frame) error {
	b := f.append(make([]byte, 4, 512))
	if len(b)-4 > maxFrame {
		return fmt.Errorf("writing a frame of %d bytes: %w", len(b)-4, errFrame)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := w.Write(b)
	return err
}

// readFrame reads what writeFrame wrote; io.EOF means that the peer has closed
// between two frames.
func readFrame(r io.Reader) (*frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return nil, fmt.Errorf("reading a frame of %d bytes: %w", size, errFrame)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("reading a frame: %w", io.ErrUnexpectedEOF)
	}
	return parseFrame(b)
}
