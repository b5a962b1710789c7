package federation

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"meshpresence/node/mpp"
)

// open opens a stream to a connected peer.
func (f *Federation) open(ctx context.Context, id peerID, name protocol.ID) (network.Stream, error) {
	s, err := f.host.NewStream(network.WithNoDial(ctx, string(name)), id, name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return s, nil
}

// ask sends one request on a stream and reads its answer, within the earlier of
// ctx and frameTimeout.
func ask(ctx context.Context, s network.Stream, request *frame) (*frame, error) {
	end := time.Now().Add(frameTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	if err := s.SetDeadline(end); err != nil {
		return nil, fmt.Errorf("asking %s: %w", request.Ask, err)
	}
	if err := writeFrame(s, request); err != nil {
		return nil, fmt.Errorf("asking %s: %w", request.Ask, err)
	}
	answer, err := readFrame(s)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s: %w", request.Ask, err)
	}
	return answer, nil
}

// finish ends a stream: politely after success, at once after an error.
func finish(s network.Stream, err error) {
	if err != nil {
		s.Reset()
		return
	}
	s.Close()
}

// forMembers makes a stream handler that serves living members only, and that
// Close waits for.
func (f *Federation) forMembers(handle func(network.Stream, peerRef)) network.StreamHandler {
	return func(s network.Stream) {
		if !f.enter() {
			s.Reset()
			return
		}
		defer f.tasks.Done()
		if !f.awaitMember(s) {
			s.Reset()
			return
		}
		id := s.Conn().RemotePeer()
		node, _ := nodeOf(id)
		handle(s, peerRef{id, node})
	}
}

// answer serves requests on a stream until its peer closes it, each within
// frameTimeout, and maxAsks of them.
func (f *Federation) answer(s network.Stream, l peerRef, handle func(context.Context, *frame) (*frame, error)) {
	err := f.answerEach(s, l, handle)
	if err == io.EOF {
		err = nil
	}
	finish(s, err)
}

func (f *Federation) answerEach(s network.Stream, l peerRef, handle func(context.Context, *frame) (*frame, error)) error {
	for range maxAsks {
		if err := s.SetDeadline(time.Now().Add(frameTimeout)); err != nil {
			return err
		}
		request, err := readFrame(s)
		if err != nil {
			return err
		}
		if !f.links.isMember(l.id) {
			return ErrNotConnected // expelled meanwhile
		}
		if !f.rates.allow(f.rates.asks, l.node) {
			err = writeFrame(s, &frame{Code: mpp.CodeQuota})
		} else {
			err = f.answerOne(s, request, handle)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Federation) answerOne(s network.Stream, request *frame, handle func(context.Context, *frame) (*frame, error)) error {
	ctx, cancel := context.WithTimeout(f.ctx, doorTimeout)
	defer cancel()
	reply, err := handle(ctx, request)
	if err != nil {
		return err
	}
	return writeFrame(s, reply)
}

// greet shows the peer that we dialled our member and node facts, and judges
// those that it shows in return.
func (f *Federation) greet(l peerRef) {
	ctx, cancel := context.WithTimeout(f.ctx, greetTimeout)
	defer cancel()
	err := f.greetOver(ctx, l)
	if err != nil && f.ctx.Err() == nil && !f.links.isMember(l.id) {
		f.log.Debug("greeting a node", "node", l.node.Short(), "err", err)
		f.disconnect(l.id) // and dial again: we may be admitted by then
	}
	f.wake()
}

func (f *Federation) greetOver(ctx context.Context, l peerRef) error {
	s, err := f.open(ctx, l.id, protocolHello)
	if err != nil {
		return err
	}
	if f.links.isStrange(l.id) {
		if err := f.askKin(ctx, s, l); err != nil {
			finish(s, err)
			return err
		}
	}
	answer, err := ask(ctx, s, &frame{Ask: askHello, Facts: f.door.Show(ctx)})
	finish(s, err)
	switch {
	case err != nil:
		return err
	case answer.Code != mpp.CodeOK:
		return fmt.Errorf("saying hello: answered %s", answer.Code)
	case len(answer.Facts) > maxShown || !f.door.Member(ctx, l.node, answer.Facts):
		return fmt.Errorf("saying hello: the peer is no member")
	case !f.links.admit(l.id):
		return fmt.Errorf("saying hello: no room")
	}
	f.met(l)
	return nil
}

// met follows up a peer's admission.
func (f *Federation) met(l peerRef) {
	f.log.Debug("connected to a node", "node", l.node.Short())
	f.links.setWanted(l.id, true)
	f.jobs.soon(&f.jobs.beacon, time.Now().Add(beaconDelay))
	f.wake()
}

// readHello reads what a peer that dialled us shows; one that only heard of us
// on the local network proves first that it knows our realm.
func (f *Federation) readHello(s network.Stream, l peerRef) (*frame, error) {
	request, err := readFrame(s)
	if err == nil && request.Ask == askKin {
		if err = f.answerKin(s, l, request); err == nil {
			request, err = readFrame(s)
		}
	}
	if err == nil && request.Ask != askHello {
		err = errFrame
	}
	return request, err
}

// serveHello judges what a peer that dialled us shows. One that is no member is
// answered nothing and disconnected (federation.md, Carriage).
func (f *Federation) serveHello(s network.Stream) {
	if !f.enter() {
		s.Reset()
		return
	}
	defer f.tasks.Done()
	l := peerRef{id: s.Conn().RemotePeer()}
	l.node, _ = nodeOf(l.id)
	ctx, cancel := context.WithTimeout(f.ctx, greetTimeout)
	defer cancel()
	s.SetDeadline(time.Now().Add(greetTimeout))
	request, err := f.readHello(s, l)
	if err != nil || len(request.Facts) > maxShown || !f.door.Member(ctx, l.node, request.Facts) {
		s.Reset()
		f.links.bar(l.id)
		f.disconnect(l.id)
		return
	}
	if !f.links.admit(l.id) {
		finish(s, writeFrame(s, &frame{Code: mpp.CodeQuota}))
		return // its greeting times out
	}
	f.met(l)
	finish(s, writeFrame(s, &frame{Code: mpp.CodeOK, Facts: f.door.Show(ctx)}))
}
