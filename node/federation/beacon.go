package federation

import (
	"fmt"
	"meshpresence/node/registry"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// beacon says which devices are attached to a node, by the hashes of their
// attach facts: what changed since the beacon before, and how many they are now
// with the sum of their hashes. It is the node's own claim and shown as such;
// it is signed like a fact and never stored (federation.md, Beacon).
type beacon struct {
	node           key.Author
	boot           int64 // grows with every start of the node
	serial         int64 // grows within a boot
	time           wall.Time
	bucket         string // of the topic
	set            registry.Sum
	added, removed []key.Hash

	body, signature []byte
}

// beaconKind takes the place of a fact's kind in the signed bytes.
const beaconKind = "beacon"

// signedBytes are "mpp/1" 0 kind 0 realm body (facts.md, The record).
func (b *beacon) signedBytes(realm key.Hash) []byte {
	out := make([]byte, 0, 16+len(realm)+len(b.body))
	out = append(out, "mpp/1\x00"+beaconKind+"\x00"...)
	out = append(out, realm[:]...)
	return append(out, b.body...)
}

// sign fills the body and the signature.
func (b *beacon) sign(s key.Signer, realm key.Hash) {
	b.node = s.Author()
	b.body = b.appendBody(nil)
	b.signature = s.Sign(b.signedBytes(realm))
}

// verify checks the signature with the key that the body names.
func (b *beacon) verify(realm key.Hash) bool {
	return b.node.Verify(b.signedBytes(realm), b.signature)
}

// grew reports whether b is later than (boot, serial).
func (b *beacon) grew(boot, serial int64) bool {
	return b.boot > boot || b.boot == boot && b.serial > serial
}

func (b *beacon) appendBody(p []byte) []byte {
	p = jsonbcd.AppendObject(p)
	p = jsonbcd.AppendBinary(jsonbcd.AppendName(p, "Author"), b.node.Bytes())
	p = jsonbcd.AppendInt(jsonbcd.AppendName(p, "Serial"), b.serial)
	p = jsonbcd.AppendTime(jsonbcd.AppendName(p, "Time"), int64(b.time))
	p = jsonbcd.AppendInt(jsonbcd.AppendName(p, "Boot"), b.boot)
	p = jsonbcd.AppendString(jsonbcd.AppendName(p, "Bucket"), b.bucket)
	p = jsonbcd.AppendInt(jsonbcd.AppendName(p, "Count"), b.set.Count)
	p = jsonbcd.AppendBinary(jsonbcd.AppendName(p, "Sum"), b.set.Total[:])
	if len(b.added) > 0 {
		p = appendHashes(jsonbcd.AppendName(p, "Added"), b.added)
	}
	if len(b.removed) > 0 {
		p = appendHashes(jsonbcd.AppendName(p, "Removed"), b.removed)
	}
	return jsonbcd.AppendObjectEnd(p)
}

// append writes the gossip message that carries the beacon.
func (b *beacon) append(p []byte) []byte {
	p = jsonbcd.AppendObject(p)
	p = jsonbcd.AppendObject(jsonbcd.AppendName(p, "Beacon"))
	p = jsonbcd.AppendBinary(jsonbcd.AppendName(p, "Body"), b.body)
	p = jsonbcd.AppendBinary(jsonbcd.AppendName(p, "Signature"), b.signature)
	p = jsonbcd.AppendObjectEnd(p)
	return jsonbcd.AppendObjectEnd(p)
}

// readBeacon reads what append wrote after the name; the signature is not
// checked. It keeps what it reads of b, as gossip messages are not written to.
func readBeacon(r *jsonbcd.Reader) (*beacon, error) {
	b := new(beacon)
	err := eachMember(r, func(name string) (err error) {
		switch name {
		case "Body":
			b.body, err = r.Bytes()
		case "Signature":
			b.signature, err = r.Bytes()
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, b.readBody()
}

func (b *beacon) readBody() error {
	r := jsonbcd.NewReader(b.body)
	r.Unique = true
	err := eachMember(r, func(name string) (err error) {
		switch name {
		case "Author":
			var p []byte
			if p, err = r.Bytes(); err == nil {
				b.node, err = key.ParseAuthor(p)
			}
		case "Serial":
			b.serial, err = r.Int()
		case "Time":
			var unix int64
			unix, err = r.Time()
			b.time = wall.Time(unix)
		case "Boot":
			b.boot, err = r.Int()
		case "Bucket":
			b.bucket, err = r.String()
		case "Count":
			b.set.Count, err = r.Int()
		case "Sum":
			var sum key.Hash
			sum, err = readHash(r)
			b.set.Total = sum
		case "Added":
			b.added, err = readList(r, maxDelta, readHash)
		case "Removed":
			b.removed, err = readList(r, maxDelta, readHash)
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && b.node == "" {
		err = fmt.Errorf("beacon without an author")
	}
	return err
}
