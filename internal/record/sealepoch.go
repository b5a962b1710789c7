package record

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// ErrNotListed means that an epoch is not wrapped to this device.
var ErrNotListed = errors.New("epoch is not wrapped to this device")

// Recipient is a device that may watch.
type Recipient struct {
	Device    key.Hash
	Agreement key.Agreement
	Name      string // shown to people; what exceeds 24 bytes is cut off
}

// Opened is what a device finds in an epoch.
type Opened struct {
	Key   *EpochKey
	Older []*EpochKey // newest first; what each opens its public half says
	Names map[[prefixSize]byte]string
}

// SignEpoch makes the epoch fact of k: wraps k's private half to each recipient,
// and seals under it the names of the devices and the private halves of older,
// newest first, of which the first 16 are taken. Of more than 32 recipients the
// 32 with the lowest hashes count. Wraps are to X25519 keys only (the suite is
// fixed): a device with an X448 key gets a name and no wrap, and whoever calls
// says so to people.
//
// Sealed is HPKE under k itself of a JSON-B object with two binaries: Names,
// records of device prefix 8 | name 24 filled with zeros; Older, 32 bytes each.
func SignEpoch(account *key.Account, base Base, number int64, k *EpochKey, to []Recipient, older []*EpochKey) (*Fact, error) {
	owner, epoch := account.Author().Hash(), k.Public()
	to = lowest(to)
	wraps, err := wrapAll(owner, k, to)
	if err != nil {
		return nil, fmt.Errorf("sign epoch %d: %w", number, err)
	}
	sealed, err := sealTo(epoch, infoOld, aad2(owner, epoch), appendOld(nil, to, older))
	if err != nil {
		return nil, fmt.Errorf("sign epoch %d: %w", number, err)
	}
	return Sign(account, key.Hash{}, base, &Epoch{Number: number, Key: epoch, Wraps: wraps, Sealed: sealed})
}

// lowest returns the recipients in the order of their hashes, at most 32, in
// memory of its own.
func lowest(to []Recipient) []Recipient {
	to = slices.Clone(to)
	slices.SortFunc(to, func(a, b Recipient) int { return bytes.Compare(a.Device[:], b.Device[:]) })
	return to[:min(len(to), MaxWraps)]
}

func wrapAll(account key.Hash, k *EpochKey, to []Recipient) ([]Wrap, error) {
	wraps, half := make([]Wrap, 0, len(to)), k.seed()
	for _, r := range to {
		if r.Agreement.Curve() != key.X25519 {
			continue
		}
		sealed, err := r.Agreement.Seal([]byte(infoWrap), aadWrap(account, k.Public(), r.Device), half[:])
		if err != nil {
			return nil, fmt.Errorf("wrap to device %s: %w", r.Device.Short(), err)
		}
		wraps = append(wraps, Wrap{prefix(r.Device), [32]byte(sealed[:32]), [48]byte(sealed[32:])})
	}
	return wraps, nil
}

// aadWrap is account | epoch | device.
func aadWrap(account key.Hash, epoch [32]byte, device key.Hash) []byte {
	return append(aad2(account, epoch), device[:]...)
}

// appendOld appends what Sealed seals.
func appendOld(b []byte, to []Recipient, older []*EpochKey) []byte {
	names := make([]byte, 0, len(to)*(prefixSize+NameSize))
	for _, r := range to {
		var name [NameSize]byte
		copy(name[:], cut(r.Name))
		names = append(append(names, r.Device[:prefixSize]...), name[:]...)
	}
	older = older[:min(len(older), MaxOlder)]
	halves := make([]byte, 0, len(older)*key.SecretSize)
	for _, k := range older {
		half := k.seed()
		halves = append(halves, half[:]...)
	}
	b = jsonbcd.AppendObject(b)
	b = appendBinary(b, "Names", names)
	b = appendBinary(b, "Older", halves)
	return jsonbcd.AppendObjectEnd(b)
}

// cut shortens a name to NameSize bytes without splitting a character.
func cut(name string) string {
	if len(name) <= NameSize {
		return name
	}
	end := NameSize
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// OpenEpoch returns what a device finds in an epoch with its agreement key. A
// wrap whose private half is not that of the epoch's public key is ignored.
// Names and older halves that do not open are left out: the account's events
// matter more. Errors: ErrNotListed, key.ErrSeal, ErrMalformed when f is no
// epoch.
func OpenEpoch(f *Fact, device key.Hash, static *key.Static) (*Opened, error) {
	v, ok := f.Body.(*Epoch)
	if !ok {
		return nil, malformed("not an epoch")
	}
	if !v.Lists(device) {
		return nil, ErrNotListed
	}
	for i := range v.Wraps {
		k := v.Wraps[i].open(f.Account, v.Key, device, static)
		if k == nil {
			continue
		}
		opened := &Opened{Key: k}
		old, err := k.static.Open([]byte(infoOld), aad2(f.Account, v.Key), v.Sealed)
		if err == nil {
			opened.readOld(old)
		}
		return opened, nil
	}
	return nil, fmt.Errorf("open epoch %d: %w", v.Number, key.ErrSeal)
}

// open returns the private half in a wrap for this device, or nil.
func (w *Wrap) open(account key.Hash, epoch [32]byte, device key.Hash, static *key.Static) *EpochKey {
	if w.Device != prefix(device) {
		return nil
	}
	sealed := append(append(make([]byte, 0, wrapSize), w.Enc[:]...), w.Ct[:]...)
	half, err := static.Open([]byte(infoWrap), aadWrap(account, epoch, device), sealed)
	if err != nil || len(half) != key.SecretSize {
		return nil
	}
	if k := epochKey(key.Secret(half)); k.Public() == epoch {
		return k
	}
	return nil
}

// readOld reads what Sealed sealed, or leaves it all out when it is malformed.
func (o *Opened) readOld(b []byte) {
	var d decoder
	var names, halves []byte
	err := d.object(b, func(name string) bool {
		switch name {
		case "Names":
			names = d.bytes(0, MaxWraps*(prefixSize+NameSize))
		case "Older":
			halves = d.bytes(0, MaxOlder*key.SecretSize)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return
	}
	o.Names = make(map[[prefixSize]byte]string)
	for record := range slices.Chunk(names, prefixSize+NameSize) {
		if name, ok := nameOf(record); ok {
			o.Names[[prefixSize]byte(record)] = name
		}
	}
	for half := range slices.Chunk(halves, key.SecretSize) {
		if len(half) == key.SecretSize {
			o.Older = append(o.Older, epochKey(key.Secret(half)))
		}
	}
}

// nameOf returns the name in a record, which is cut short or not fit to be
// shown when it is false.
func nameOf(record []byte) (string, bool) {
	if len(record) != prefixSize+NameSize {
		return "", false
	}
	name := strings.TrimRight(string(record[prefixSize:]), "\x00")
	return name, name != "" && printable(name)
}
