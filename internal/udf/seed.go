package udf

import (
	"encoding/binary"
	"fmt"
)

// seedHeader is the type octet and the 2-octet algorithm before the seed itself.
const seedHeader = 3

// Algorithm is the key specifier of a seed (Z), UDF-13 §4.4: a Curve, another algorithm, or a use that leaves the
// algorithm open.
type Algorithm uint16

// The specifiers that allow a key pair of any curve; 256 and above are the Mesh's profiles and activations.
const (
	AnyAlgorithm   Algorithm = 0
	firstMeshUse   Algorithm = 256
	firstUnallowed Algorithm = 262
)

// NewSeed is the Z sequence of a seed for an algorithm. It is a secret.
func NewSeed(algorithm Algorithm, seed []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{byte(Seed)}, uint16(algorithm))
	return append(b, seed...)
}

// Derive is the private key on a curve that the text of a seed gives under a key name, which may be empty: 32 octets
// for X25519 and Ed25519, 56 for X448 and Ed448. It is HKDF-SHA512 without a salt, its key material the seed after
// the curve's number, its info the seed's own algorithm number and the name. A seed for another algorithm is an
// error.
func Derive(seed string, curve Curve, name string) ([]byte, error) {
	b, err := ParseType(seed, Seed)
	if err != nil {
		return nil, err
	}
	size := curve.privateSize()
	if len(b) <= seedHeader || size == 0 {
		return nil, fmt.Errorf("deriving a key for %v: %w", curve, ErrSyntax)
	}
	algorithm := Algorithm(binary.BigEndian.Uint16(b[1:]))
	if !algorithm.allows(curve) {
		return nil, fmt.Errorf("deriving a key for %v from a seed of algorithm %d: %w", curve, algorithm, ErrSyntax)
	}
	info := string(b[1:seedHeader]) + name
	ikm := b[1:]
	binary.BigEndian.PutUint16(ikm, uint16(curve))
	return derive(ikm, "", info, size), nil
}

// allows says whether a seed of the algorithm may become a key on the curve.
func (a Algorithm) allows(c Curve) bool {
	return a == AnyAlgorithm || a == Algorithm(c) || firstMeshUse <= a && a < firstUnallowed
}

// privateSize is the length of a derived private key. The reference expands 56 octets for Ed448 too, although
// RFC 8032 keys have 57.
func (c Curve) privateSize() int {
	switch c {
	case X25519, Ed25519:
		return 32
	case X448, Ed448:
		return 56
	}
	return 0
}
