package store

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"strconv"
	"strings"

	"github.com/ipfs/go-datastore"

	"meshpresence/internal/record"
)

// Version is the format this program reads and writes. It grows by one when an
// older program would misread what a newer one wrote.
const Version = 1

// The key space, drawn in the package documentation.
var (
	versionKey       = datastore.NewKey("/version")
	factPrefix       = "/f"
	metaPrefix       = "/m"
	quarantinePrefix = "/q"
)

// Limits of the schema. Both are OURS.
const (
	// maxQuarantined bounds what is kept of damaged entries: rot must not fill
	// the disk. Those past it are counted and dropped.
	maxQuarantined = 1024
	// maxMetaName bounds the name of a meta value.
	maxMetaName = 64
)

// factKey is where the fact with key k lives: /f/kind/owner/sub. The sub is any
// bytes, so it is written in base64url, which has no slash.
func factKey(k record.Key) datastore.Key {
	path := factPrefix + "/" + string(k.Kind) + "/" + k.Owner.String()
	if k.Sub != "" {
		path += "/" + base64.RawURLEncoding.EncodeToString([]byte(k.Sub))
	}
	return datastore.RawKey(path)
}

// metaKey is where the meta value called name lives.
func metaKey(name string) (datastore.Key, error) {
	ok := name != "" && len(name) <= maxMetaName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	if !ok {
		return datastore.Key{}, fmt.Errorf("naming a meta value %q: want 1 to %d of a-z, 0-9 and -", name, maxMetaName)
	}
	return datastore.RawKey(metaPrefix + "/" + name), nil
}

// quarantineKey is where the n-th damaged entry is kept aside.
func quarantineKey(n int) datastore.Key {
	return datastore.RawKey(fmt.Sprintf("%s/%06d", quarantinePrefix, n))
}

// under says whether key lies under prefix.
func under(key, prefix string) bool { return strings.HasPrefix(key, prefix+"/") }

// checkSize is the length of the checksum in front of every value.
const checkSize = 8

// errCheck: a value that is not what was written under its key.
var errCheck = errors.New("the checksum does not match")

var crcTable = crc64.MakeTable(crc64.ECMA)

// check is the CRC-64 of a key and its payload. OURS: CRC-64, since it is
// certain to see any damage within 8 bytes in a row, costs little on machines
// without help for it, and need not resist a liar: facts are signed.
func check(key string, payload []byte) uint64 {
	crc := crc64.Update(0, crcTable, []byte(key))
	crc = crc64.Update(crc, crcTable, []byte{0})
	return crc64.Update(crc, crcTable, payload)
}

// seal returns the value that keeps payload under key.
func seal(key string, payload []byte) []byte {
	b := make([]byte, checkSize, checkSize+len(payload))
	return sealed(key, append(b, payload...))
}

// sealed fills in the checksum of b, which is checkSize bytes and a payload.
func sealed(key string, b []byte) []byte {
	binary.BigEndian.PutUint64(b, check(key, b[checkSize:]))
	return b
}

// open returns the payload in value, which aliases it, or errCheck.
func open(key string, value []byte) ([]byte, error) {
	if len(value) < checkSize || binary.BigEndian.Uint64(value) != check(key, value[checkSize:]) {
		return nil, errCheck
	}
	return value[checkSize:], nil
}

func versionValue(v int) []byte {
	return seal(versionKey.String(), strconv.AppendInt(nil, int64(v), 10))
}

func parseVersion(value []byte) (int, error) {
	p, err := open(versionKey.String(), value)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(p))
}

// parseFact reads the fact under key and holds it to the key it was found
// under. It checks no signature: what the file keeps was checked on its way in.
func parseFact(key string, value []byte) (*record.Fact, error) {
	p, err := open(key, value)
	if err != nil {
		return nil, err
	}
	f, err := record.Parse(p)
	if err != nil {
		return nil, err
	}
	if factKey(f.Key()).String() != key {
		return nil, errors.New("it is another fact than its key says")
	}
	return f, nil
}

// appendQuarantined keeps a damaged entry as it was found: the length of its
// key, the key, the value.
func appendQuarantined(b []byte, key string, value []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(key)))
	return append(append(b, key...), value...)
}
