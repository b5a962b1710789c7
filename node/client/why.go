package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// Report is where a device is, or why it is not, as the node in use says.
// Presence is three facts and never one flag: what the device declared, when it
// was last heard, how it can be reached; unknown is a value.
type Report struct {
	// Device is its hash, and Name what the account calls it, which may be "".
	Device string `json:"device"`
	Name   string `json:"name"`
	// Reason is a name of the table mpp.Reason, Sentence what it means for
	// people and what to do next.
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
	// Also are further reasons that hold besides.
	Also []Further `json:"also,omitempty"`
	// Node is the hash of the node where it is, or said last that it is.
	Node string `json:"node,omitempty"`
	// Since is when it declared that, or when it began to watch at the node that
	// was asked; nil: never.
	Since *time.Time `json:"since,omitempty"`
	// Heard is when it was heard at the node that was asked, or when the beacon
	// that lists it came; nil: not since that node started.
	Heard *time.Time `json:"heard,omitempty"`
	// Asked is the address of the node that says all this.
	Asked string `json:"asked"`
}

// Further is a reason with its sentence.
type Further struct {
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
}

// Why says where a device of the account is, or why it is not. It is named by
// name, hash, or unique beginning of a hash. For one that the account has not
// the report says so and the error is ErrNoDevice; of names that several go by
// it is ErrAmbiguous.
func (c *Client) Why(ctx context.Context, device string) (Report, error) {
	if c.profile.Account() == "" {
		return Report{}, ErrNoAccount
	}
	reports, err := c.reports(ctx)
	if err != nil {
		return Report{}, err
	}
	// The node was asked first: it may just have told of the device's coming.
	d, err := c.profile.FindDevice(device)
	switch {
	case err == nil:
		for _, r := range reports {
			if r.Device == d.ID {
				return r, nil
			}
		}
		return reportOf(d.ID, mpp.ReasonNoDevice), fmt.Errorf("looking for %q: %w", device, ErrNoDevice)
	case !errors.Is(err, ErrNoDevice):
		return Report{}, err
	}
	return noDevice(reports, device)
}

// noDevice finds a device that is none of the account any more.
func noDevice(reports []Report, device string) (Report, error) {
	var found []Report
	for _, r := range reports {
		if r.Reason == string(mpp.ReasonRevoked) && (r.Name == device || strings.HasPrefix(r.Device, strings.ToLower(device))) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return reportOf(device, mpp.ReasonNoDevice), fmt.Errorf("looking for %q: %w", device, ErrNoDevice)
	case 1:
		return found[0], nil
	}
	return Report{}, fmt.Errorf("looking for %q: %w", device, ErrAmbiguous)
}

// Reports says of every device of the account where it is, or why it is not, by
// name; devices that were revoked are left out.
func (c *Client) Reports(ctx context.Context) ([]Report, error) {
	if c.profile.Account() == "" {
		return nil, ErrNoAccount
	}
	list, err := c.reports(ctx)
	return slices.DeleteFunc(list, func(r Report) bool { return r.Reason == string(mpp.ReasonRevoked) }), err
}

// reports joins what the node says of the devices with what the profile knows,
// the revoked ones last.
func (c *Client) reports(ctx context.Context) ([]Report, error) {
	answer, err := c.devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking where the devices are: %w", err)
	}
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	said := make(map[string]mpp.DeviceStatus)
	for _, d := range answer.Devices {
		said[d.Id] = d
	}
	var list []Report
	add := func(h key.Hash) {
		r := Report{Device: h.String(), Sentence: noWord}
		if d, ok := said[r.Device]; ok {
			r = reportFrom(d)
		} else {
			r.Reason = string(mpp.ReasonUnknown)
		}
		r.Name, r.Asked = p.book.name(h), answer.asked
		list = append(list, r)
		delete(said, r.Device)
	}
	for _, f := range p.book.facts {
		if d, ok := f.Body.(*record.Device); ok {
			add(d.Key.Hash())
		}
	}
	for id := range said { // what only the node knows; it was asked for all facts before
		if h, err := key.ParseHash(id); err == nil {
			add(h)
		}
	}
	slices.SortFunc(list, func(x, y Report) int {
		return strings.Compare(sortName(x), sortName(y))
	})
	return list, nil
}

// noWord stands for the sentence of a device that the answer had no room for.
const noWord = "The node in use did not say where it is; ask another node: presence why --node ADDRESS."

func sortName(r Report) string {
	last := "0"
	if r.Reason == string(mpp.ReasonRevoked) {
		last = "1"
	}
	return last + r.Name + "\x00" + r.Device
}

func reportOf(id string, reason mpp.Reason) Report {
	return Report{Device: id, Reason: string(reason), Sentence: reason.Sentence()}
}

// reportFrom reads what a node says of a device.
func reportFrom(d mpp.DeviceStatus) Report {
	r := reportOf(d.Id, mpp.Reason(d.Status))
	for _, name := range strings.Fields(d.Comment) {
		r.Also = append(r.Also, Further{name, mpp.Reason(name).Sentence()})
	}
	if len(d.Node) == len(key.Hash{}) {
		r.Node = key.Hash(d.Node).String()
	}
	r.Since, r.Heard = timeOf(d.Since), timeOf(d.LastConnected)
	return r
}

func timeOf(t wall.Time) *time.Time {
	if t == 0 {
		return nil
	}
	std := t.Std()
	return &std
}

// participants is what a node says of the account's devices.
type participants struct {
	*mpp.Status
	asked string
}

// devices asks the node in use about the account's devices, and for the
// account's facts before when the node does not know whose connection this is, or
// knows other devices than the profile.
func (c *Client) devices(ctx context.Context) (participants, error) {
	return call(ctx, c, func(l *link) (participants, error) {
		answer, err := c.askDevices(ctx, l)
		if err == nil && !c.profile.missesAny(answer.Devices) {
			return participants{answer, l.address.String()}, nil
		}
		var refusal *Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Code != mpp.CodeRefused) {
			return participants{}, err
		}
		if err := c.catchUp(ctx, l); err != nil {
			return participants{}, err
		}
		answer, err = c.askDevices(ctx, l)
		return participants{answer, l.address.String()}, err
	})
}

func (c *Client) askDevices(ctx context.Context, l *link) (*mpp.Status, error) {
	answer, err := request[*mpp.Status](ctx, c, l, &mpp.Heartbeat{Devices: true})
	if err != nil {
		return nil, err
	}
	if code := answer.Code(); !code.Success() {
		return nil, &Refusal{code}
	}
	return answer, nil
}

// missesAny reports whether a node knows of a device, or of a revocation, that
// the profile does not.
func (p *Profile) missesAny(list []mpp.DeviceStatus) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(list, func(d mpp.DeviceStatus) bool {
		h, err := key.ParseHash(d.Id)
		if err != nil {
			return false
		}
		if d.Status == string(mpp.ReasonRevoked) {
			return !p.book.revoked[h]
		}
		return p.book.device(p.meta.Account, h) == nil
	})
}
