package main

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/discovery"
)

// neighbourhood is a network where these nodes are heard.
type neighbourhood struct {
	nodes []string
	err   error
	asked int
}

func (n *neighbourhood) Resolve(_ context.Context, fingerprint string) (list []discovery.Candidate, err error) {
	n.asked++
	for _, text := range n.nodes {
		a, err := discovery.ParseAddress(text)
		if err != nil {
			return nil, err
		}
		list = append(list, discovery.Candidate{Addr: netip.MustParseAddrPort(a.HostPort()), Fingerprint: a.Fingerprint, Source: "test"})
	}
	return list, n.err
}

// presenceIn runs the command in a neighbourhood.
func presenceIn(t *testing.T, n *neighbourhood, who person, args ...string) result {
	t.Helper()
	var out, errs safeBuffer
	code := run(t.Context(), args, console{in: strings.NewReader(""), out: &out, err: &errs, person: who, find: n})
	return result{code, out.String(), errs.String()}
}

// "exactly one found: show its fingerprint, ask y/N; several: list; none: the
// three ways to give one; without a terminal exit 2. --trust-first is the only
// silent way" (federation.md, Defaults).
func TestFindNode(t *testing.T) {
	home(t)
	n, address, fingerprint := startNode(t)
	one := []string{n.DeviceAddress(), "mpp://192.0.2.1:6770/" + fingerprint} // of one node
	other := "mpp://192.0.2.9:6770/MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"

	t.Run("one, a person agrees", func(t *testing.T) {
		who := &scripted{answers: []string{"y"}}
		presenceIn(t, &neighbourhood{nodes: one}, who, "ping").wants(t, exitOK, fingerprint, "Looking for a node")
		if len(who.asked) != 1 || !strings.Contains(who.asked[0], fingerprint) || !strings.HasSuffix(who.asked[0], "[y/N] ") {
			t.Errorf("asked %q, want the fingerprint %s once", who.asked, fingerprint)
		}
	})
	t.Run("one, a person does not", func(t *testing.T) {
		presenceIn(t, &neighbourhood{nodes: one}, &scripted{answers: []string{"n"}}, "ping").wants(t, exitError, "", "was not confirmed")
	})
	t.Run("one, nobody there", func(t *testing.T) {
		r := presenceIn(t, &neighbourhood{nodes: one}, nil, "ping")
		r.wants(t, exitUsage, "", "--node "+n.DeviceAddress())
	})
	t.Run("one, trusted first", func(t *testing.T) {
		presenceIn(t, &neighbourhood{nodes: one}, nil, "--trust-first", "ping").wants(t, exitOK, fingerprint, "")
	})
	t.Run("several", func(t *testing.T) {
		for _, args := range [][]string{{"ping"}, {"--trust-first", "ping"}} {
			for _, who := range []person{nil, &scripted{}} {
				r := presenceIn(t, &neighbourhood{nodes: append(one, other)}, who, args...)
				r.wants(t, exitUsage, "", "2 nodes were found")
				r.wants(t, exitUsage, "", n.DeviceAddress()+"\n"+other+"\n")
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		r := presenceIn(t, &neighbourhood{}, nil, "ping")
		for _, way := range []string{"--node mpp://", "PRESENCE_NODE", "mpp-join:"} {
			r.wants(t, exitUsage, "", way)
		}
		presenceIn(t, &neighbourhood{err: errors.New("no such thing")}, nil, "ping").wants(t, exitUsage, "", "no such thing")
	})
	t.Run("named or known", func(t *testing.T) {
		around := &neighbourhood{nodes: []string{other}}
		presenceIn(t, around, nil, "--node", address+"/"+fingerprint, "ping").wants(t, exitOK, fingerprint, "")
		profile := filepath.Join(t.TempDir(), "known")
		presenceIn(t, around, nil, "--profile", profile, "--node", n.DeviceAddress(), "account", "create", "--no-passphrase").wants(t, exitOK, "account", "")
		presenceIn(t, around, nil, "--profile", profile, "ping").wants(t, exitOK, fingerprint, "")
		if around.asked != 0 {
			t.Errorf("a node was looked for %d times though one was known", around.asked)
		}
	})
}
