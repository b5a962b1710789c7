package arch

import (
	"slices"
	"testing"
)

func TestAllows(t *testing.T) {
	for _, test := range []struct {
		from, path string
		test, want bool
	}{
		{"internal/jsonbcd", "fmt", false, true},
		{"internal/jsonbcd", "crypto/sha256", false, true},
		{"internal/jsonbcd", "meshpresence/internal/udf", false, false},
		{"internal/jsonbcd", "meshpresence/internal/key", false, false},
		{"internal/jsonbcd", "meshpresence/node", true, true},
		{"internal/jsonbcd", "pgregory.net/rapid", true, true},
		{"internal/jsonbcd", "pgregory.net/rapid", false, false},
		{"internal/jsonbcd", "github.com/stretchr/testify/require", true, false},
		{"internal/udf", "golang.org/x/crypto/sha3", false, true},
		{"internal/udf", "golang.org/x/cryptology", false, false},
		{"internal/key", "meshpresence/internal/udf", false, true},
		{"transport/punch", "meshpresence/discovery", false, true},
		{"discovery", "meshpresence/transport/punch", false, false},
		{"node/store", "github.com/ipfs/go-datastore/test", true, true},
		{"node/registry", "meshpresence/node/access", false, false},
		{"node/client", "meshpresence/node/registry", false, true},
		{"node/client", "meshpresence/node", false, false},
		{"node/federation", "github.com/libp2p/go-libp2p/core/host", false, true},
		{"node", "github.com/libp2p/go-libp2p/core/host", false, false},
		{"node", "meshpresence/node/federation", false, true},
		{"node", "meshpresence/testnet/sim", false, false},
		{"node", "meshpresence/testnet/sim", true, true},
		{"node", "meshpresence", false, false},
		{"node", "meshpresence/none/such", false, false},
		{"cmd/presence", "meshpresence/node/client", false, true},
		{"cmd/presence", "meshpresence/node", false, false},
		{"cmd/presence", "meshpresence/discovery", false, true},
		{"cmd/presence", "meshpresence/internal/key", false, false},
		{"cmd/presenced", "meshpresence/node", false, true},
		{"testnet", "meshpresence/node", false, true},
		{"testnet", "meshpresence/transport/rud", false, false},
		{"testnet/lab", "meshpresence/transport/rud", false, true},
		{"testnet/lab", "meshpresence/testnet/checks", false, true},
		{"testnet/lab", "meshpresence/none/such", false, false},
	} {
		r, ok := Find(test.from)
		if !ok {
			t.Fatalf("%s has no row", test.from)
		}
		if got := r.Allows(test.path, test.test); got != test.want {
			t.Errorf("%s imports %s (test file: %v): %v, want %v", test.from, test.path, test.test, got, test.want)
		}
	}
}

// Siblings on floor 5 never import each other.
func TestRooms(t *testing.T) {
	for _, r := range Table {
		if r.Floor == RoomFloor && len(r.Same) > 0 {
			t.Errorf("%s may import its siblings %v", r.Path, r.Same)
		}
	}
}

func TestTableIsSound(t *testing.T) {
	if !slices.IsSortedFunc(Table, func(a, b Row) int { return a.Floor - b.Floor }) {
		t.Error("the table is not in the order of its floors")
	}
	seen := map[string]bool{}
	for _, r := range Table {
		if r.Any && r.Floor != TestFloor {
			t.Errorf("%s is of the product and may import anything", r.Path)
		}
		if seen[r.Path] {
			t.Errorf("%s has two rows", r.Path)
		}
		seen[r.Path] = true
		for _, same := range r.Same {
			if o, ok := Find(same); !ok || o.Floor != r.Floor || same == r.Path {
				t.Errorf("%s names %s as of its floor", r.Path, same)
			}
		}
		for _, only := range r.Only {
			if o, ok := Find(only); !ok || o.Floor >= r.Floor {
				t.Errorf("%s names %s as of a lower floor", r.Path, only)
			}
		}
	}
}
