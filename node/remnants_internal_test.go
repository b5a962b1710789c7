package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/wire"
)

func someRemnants(t *testing.T, n int) (list []rud.Remnant) {
	t.Helper()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		list = append(list, rud.Remnant{
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1+i)),
			Peer: static.Public(), ID: wire.ID{byte(i), byte(i >> 8), 1},
		})
	}
	if n > 0 {
		list[0].Addr = netip.MustParseAddrPort("[2001:db8::1]:6770")
	}
	return list
}

func TestRemnantsFile(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, maxRemnants} {
		want := someRemnants(t, n)
		got, err := parseRemnants(appendRemnants(nil, want))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("of %d remnants came %d, %v", n, len(got), err)
		}
	}
	whole := appendRemnants(nil, someRemnants(t, 2))
	for i := range whole {
		if _, err := parseRemnants(whole[:i]); err == nil {
			t.Fatalf("a file cut at byte %d was believed", i)
		}
		bad := bytes.Clone(whole)
		bad[i] ^= 1
		if _, err := parseRemnants(bad); err == nil {
			t.Fatalf("a file with byte %d changed was believed", i)
		}
	}
}

// Nothing that lies in the place of the file keeps a node from starting, or makes it
// read without end.
func TestRemnantsCannotKeepANodeFromStarting(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path string) error{
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a file of 1 TiB": func(path string) error {
			if err := os.WriteFile(path, []byte(remnantsMagic), 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		},
		"another version": func(path string) error {
			return os.WriteFile(path, []byte("presence.remnants/2\n1234"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(Config{State: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
			if err := put(n.remnantsPath()); err != nil {
				t.Skip(err) // no such file system
			}
			n.recallRemnants()
			if len(n.remnants.left) != 0 {
				t.Errorf("%d remnants were read", len(n.remnants.left))
			}
		})
	}
}

// A file that cannot be written leaves nothing behind.
func TestRemnantsLeaveNoPart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), remnantsName)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if saveRemnants(path, appendRemnants(nil, someRemnants(t, 1))) == nil {
		t.Error("a directory was replaced")
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("a part is left: %v", err)
	}
}

// FuzzRemnants: whatever stands on disk is read without harm, and what was read
// is written the same.
func FuzzRemnants(f *testing.F) {
	f.Add([]byte(remnantsMagic))
	f.Add(appendRemnants(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseRemnants(b)
		if err != nil {
			return
		}
		again, err := parseRemnants(appendRemnants(nil, list))
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("%d remnants were read as %d, %v", len(list), len(again), err)
		}
	})
}

// Ten thousand devices are told one after another: what they answer with would
// else come at once.
func TestResetsArePaced(t *testing.T) {
	t.Parallel()
	n := newNode(Config{State: t.TempDir()})
	sent := 0
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	n.ep, err = rud.NewEndpoint(rud.Config{
		Static: static, Reset: key.NewSecret(), Handler: n,
		Send: func(netip.AddrPort, []byte) { sent++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.remnants.left = someRemnants(t, 200)
	began := time.Now()
	for now := began; len(n.remnants.left) > 0; {
		before := sent
		next := n.serveRemnants(now)
		if sent > before+1 {
			t.Fatalf("%d resets left at once", sent-before)
		}
		if n.remnants.left != nil {
			now = next
		} else if took := now.Sub(began); took < 199*resetEvery/2 || took > 199*2*resetEvery {
			t.Errorf("200 resets took %v", took)
		}
	}
	if sent != 200 {
		t.Errorf("%d resets left, want 200", sent)
	}
	if !n.remnants.changed {
		t.Error("they are not forgotten")
	}
}

// A node that starts again and again tells its devices each time: that the old
// connections are forgotten does not delay writing down the new.
func TestRemnantsAreWrittenSoonAfterARestart(t *testing.T) {
	t.Parallel()
	n := newNode(Config{State: t.TempDir()})
	n.remnants.changed = true // all were told
	now := time.Now()
	for n.remnants.changed {
		if next := n.serveRemnants(now); !next.IsZero() {
			now = next
		}
	}
	(<-n.forwards).then(now, true)
	n.remnants.changed = true // a device came back
	if next := n.serveRemnants(now); next.Sub(now) > remnantsSoon {
		t.Errorf("it is written down after %v, want %v", next.Sub(now), remnantsSoon)
	}
}

func TestRemnantsPrintNoID(t *testing.T) {
	t.Parallel()
	list := someRemnants(t, 2)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, remnants{left: list[1:]}); strings.Contains(text, "010001") {
			t.Errorf("%s writes %s", verb, text)
		}
	}
}
