package node_test

import (
	"errors"
	"testing"
	"time"

	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// wantReason asks until the node says so: beacons take their time, and a device
// that asks without end is told to wait.
func wantReason(t *testing.T, c *client.Client, device string, want mpp.Reason) client.Report {
	t.Helper()
	return wantReasonWhile(t, func() {}, c, device, want)
}

// wantReasonWhile does something before it asks each time.
func wantReasonWhile(t *testing.T, each func(), c *client.Client, device string, want mpp.Reason) client.Report {
	t.Helper()
	ctx := testContext(t)
	for {
		each()
		r, err := c.Why(ctx, device)
		if err != nil {
			t.Fatal(err)
		}
		if r.Reason == string(want) {
			if r.Sentence != want.Sentence() {
				t.Errorf("%s says %q", want, r.Sentence)
			}
			return r
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the device is %+v, want %q", r, want)
		}
	}
}

// federation.md, Beacon: "It is the node's claim and shown as such".
func TestWhyAcrossNodes(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	p := invited(t, phone, "laptop", client.RoleWatch|client.RolePublish)
	id := p.Device()

	wantReason(t, phone, id, mpp.ReasonNeverAttached)
	laptop := dial(t, p, nodes[1])
	watch(t, laptop)
	there := wantReason(t, phone, id, mpp.ReasonElsewhere)
	here := wantReason(t, laptop, id, mpp.ReasonHere)
	if there.Node == "" || there.Node != here.Node || there.Since == nil || there.Heard == nil || here.Since == nil || here.Heard == nil {
		t.Errorf("from afar %+v\nfrom there %+v", there, here)
	}
	if there.Asked == here.Asked {
		t.Errorf("both say that %s was asked", there.Asked)
	}

	reports, err := phone.Reports(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 {
		t.Errorf("%d reports, want one a device", len(reports))
	}
	laptop.Close()
	wantReasonWhile(t, func() { nodes[1].Wake(testContext(t)) }, phone, id, mpp.ReasonUnconfirmed)
	if err := phone.RevokeDevice(testContext(t), id, nil); err != nil {
		t.Fatal(err)
	}
	if reports, err = phone.Reports(testContext(t)); err != nil || len(reports) != 1 {
		t.Errorf("%d reports after the revocation, %v", len(reports), err)
	}
}

func TestWhyNoDevice(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a")
	phone := account(t, "phone", nodes[0])
	r, err := phone.Why(testContext(t), "nobody")
	if !errors.Is(err, client.ErrNoDevice) || r.Reason != string(mpp.ReasonNoDevice) {
		t.Errorf("%+v, %v", r, err)
	}
	wantReason(t, phone, phone.Profile().Device(), mpp.ReasonConnected)
}

// Standing names the realm's other nodes, and what people should type.
func TestStandingProposes(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	s, err := phone.Status(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Nodes) != 1 || s.Nodes[0] != nodes[1].DeviceAddress() {
		t.Errorf("other nodes: %q, want %q", s.Nodes, nodes[1].DeviceAddress())
	}
	if len(s.Homes) != 2 || len(s.Proposals) != 0 {
		t.Errorf("homes %q, proposals %q", s.Homes, s.Proposals)
	}
}
