package node

import (
	"errors"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
	"meshpresence/node/store"
)

var errDiskBusy = errors.New("writing the store: too many batches wait for the disk")

// servePublish posts one event: merged, synced, told, copied, acknowledged.
func (n *Node) servePublish(req request, m *mpp.PublishRequest) {
	if !n.spend(req, costVerify) {
		n.refuse(req, mpp.CodeQuota)
		return
	}
	f, code := n.offered(req.session, m.Event)
	if code != mpp.CodeOK {
		n.published(req, f, code, 0)
		return
	}
	verdict := n.reg.Judge(n.wall.Now(), f)
	if verdict == registry.Fresh {
		if why := n.reg.Outdated(f); len(why) > 0 {
			n.sealAnew(req, f, why)
			return
		}
		if f.Verify() != nil {
			n.published(req, f, mpp.CodeMalformed, 0)
			return
		}
		verdict = n.reg.Merge(n.wall.Now(), f, &n.fx)
	}
	if verdict != registry.Fresh && verdict != registry.Held {
		n.published(req, f, codeOf(verdict), 0)
		return
	}
	f = n.reg.Fact(f.Hash()) // not the copy offered: its signature may be corrupt
	n.commit(req.now, true, func(now time.Time, err error) {
		req.now = now
		n.posted(req, f, n.synced([]*record.Fact{f}, err))
	})
}

// offered parses an event and checks that this device may post it.
func (n *Node) offered(s *session, raw []byte) (*record.Fact, mpp.Code) {
	f, err := record.Parse(raw)
	if err != nil || f.Kind != record.KindEvent {
		return nil, mpp.CodeMalformed
	}
	device := n.bind(s, f.Account, f.Author.Hash())
	if device == nil {
		if n.reg.Revoked(f.Account, f.Author.Hash()) {
			return f, mpp.CodeRevoked
		}
		return f, mpp.CodeRefused
	}
	return f, access.Publish(n.wall.Now(), device, f)
}

// posted goes on once the event is on disk here, gossiped and told: a copy at a
// second home, and only then the answer.
func (n *Node) posted(req request, f *record.Fact, err error) {
	if err != nil {
		n.published(req, f, diskCode(err), 0)
		return
	}
	n.copyTo(req.now, f.Account, []*record.Fact{f}, func(_ time.Time, copies int, code mpp.Code) {
		n.published(req, f, code, copies)
	})
}

// diskCode is what a failed write means for the one who asked.
func diskCode(err error) mpp.Code {
	if errors.Is(err, store.ErrFull) {
		return mpp.CodeDiskFull
	}
	return mpp.CodeDraining
}

// codeOf is the code that tells a device its fact's verdict.
func codeOf(v registry.Verdict) mpp.Code {
	switch v {
	case registry.Fresh, registry.Held:
		return mpp.CodeOK
	case registry.Old:
		return mpp.CodeSerial
	case registry.Expired:
		return mpp.CodeExpired
	case registry.Full:
		return mpp.CodeQuota
	}
	return mpp.CodeRefused
}

func (n *Node) published(req request, f *record.Fact, code mpp.Code, copies int) {
	if n.sessions[req.session.conn] != req.session {
		return // gone meanwhile; the device offers it again elsewhere
	}
	var answer mpp.PublishResponse
	n.stamp(&answer.FromService, req, code)
	answer.Result = resultOf(f, code, copies)
	if code == mpp.CodeSerial {
		if kept := n.reg.Current(f.Key()); kept != nil {
			answer.Facts = [][]byte{kept.Append(nil)} // facts.md, Backups restored
		}
	}
	n.reply(req.now, req.session, &answer)
}

// sealAnew refuses a post that a revoked device could read, and shows why. OURS:
// its publisher need not have heard of the revocation yet. What comes in a fact
// request or from another node was sealed before, and is taken.
func (n *Node) sealAnew(req request, f *record.Fact, why []*record.Fact) {
	var answer mpp.PublishResponse
	n.stamp(&answer.FromService, req, mpp.CodeSerial)
	answer.Result = resultOf(f, mpp.CodeSerial, 0)
	answer.Facts, _ = req.session.page(why, maxResultBytes)
	n.reply(req.now, req.session, &answer)
}

func resultOf(f *record.Fact, code mpp.Code, copies int) mpp.Result {
	r := mpp.Result{Code: mpp.N(int64(code))}
	if f != nil {
		r.Hash = hashBytes(f.Hash())
	}
	if copies > 0 {
		r.Copies = mpp.N(int64(copies))
	}
	return r
}

// hashFrom reads a hash a device sent.
func hashFrom(b []byte) (key.Hash, bool) {
	if len(b) != len(key.Hash{}) {
		return key.Hash{}, false
	}
	return key.Hash(b), true
}
