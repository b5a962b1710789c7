package client

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"

	"meshpresence/discovery"
)

// around is a network where these nodes are heard.
type around struct {
	found []discovery.Candidate
	asked atomic.Int64
}

func (a *around) Resolve(context.Context, string) ([]discovery.Candidate, error) {
	a.asked.Add(1)
	return a.found, nil
}

func TestFind(t *testing.T) {
	const fp, other = "MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E", "MDCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"
	at := func(host, fingerprint string) discovery.Candidate {
		return discovery.Candidate{Addr: netip.MustParseAddrPort(host), Fingerprint: fingerprint}
	}
	yes, no := func(string) bool { return true }, func(string) bool { return false }
	one := []discovery.Candidate{at("192.0.2.1:1", fp), at("[fe80::1%eth0]:1", fp)}
	for name, c := range map[string]struct {
		found []discovery.Candidate
		cfg   Config
		want  error
	}{
		"confirmed":      {one, Config{Confirm: yes}, nil},
		"trusted first":  {one, Config{TrustFirst: true}, nil},
		"declined":       {one, Config{Confirm: no}, errNotTrusted},
		"nobody to ask":  {one, Config{}, errNotTrusted},
		"none":           {nil, Config{TrustFirst: true}, ErrNoNode},
		"several":        {append(one, at("192.0.2.2:1", other)), Config{TrustFirst: true}, ErrSeveralNodes},
		"no fingerprint": {[]discovery.Candidate{at("192.0.2.2:1", "")}, Config{TrustFirst: true}, ErrSeveralNodes},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Find = &around{found: c.found}
			cl := newClient(testProfile(t), c.cfg)
			list, err := cl.find(t.Context())
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if len(list) != 2 || list[0].String() != "mpp://192.0.2.1:1/"+fp || list[1].String() != "mpp://[fe80::1%eth0]:1/"+fp {
				t.Errorf("found %v", list)
			}
			if again, err := cl.candidates(); err != nil || len(again) != 2 {
				t.Errorf("what was confirmed does not hold: %v, %v", again, err)
			}
		})
	}
	// Nobody is looked for while a node is known.
	a := &around{found: one}
	cl := newClient(testProfile(t), Config{Node: "mpp://192.0.2.7:1/" + fp, Find: a})
	if _, err := cl.candidates(); err != nil || a.asked.Load() != 0 {
		t.Errorf("%v, looked %d times for a node that was given", err, a.asked.Load())
	}
}
