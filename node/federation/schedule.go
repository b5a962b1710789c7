package federation

import (
	"slices"
	"time"

	"meshpresence/internal/key"
)

// what the loop starts for a link.
type action uint8

const (
	dialIt action = iota
	greetIt
	syncIt
	dropIt
)

// task is one action for one link.
type task struct {
	what action
	link peerRef
}

// peerRef names a link outside the lock.
type peerRef struct {
	id   peerID
	node key.Hash
}

// due lists what is to be started now, and marks it as begun.
func (t *links) due(now time.Time) []task {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []task
	dials, syncs := t.count(dialing), t.countSyncing()
	room, strangers := t.dialRoom(), t.strangers()
	for _, l := range t.peers {
		ref := peerRef{l.id, l.node}
		switch {
		case t.mayDial(l, dials, strangers, room) && !now.Before(l.nextDial):
			dials++
			room--
			if l.isStranger() {
				strangers++
			}
			l.dials++
			l.enter(dialing, now)
			list = append(list, task{dialIt, ref})
		case l.state == greeting && l.outbound && !l.greeted:
			l.greeted = true
			list = append(list, task{greetIt, ref})
		case l.state == greeting && now.Sub(l.since) >= greetTimeout:
			l.enter(refused, now)
			list = append(list, task{dropIt, ref})
		case l.state == living && !l.syncing && !now.Before(l.syncAt()) && syncs < maxSyncs:
			syncs++
			l.syncing, l.soonSync = true, time.Time{}
			list = append(list, task{syncIt, ref})
		}
	}
	return list
}

// dialRoom is how many more nodes may be dialled: the last quarter of the peers
// is left to those who dial us. Peers that are only announced take none.
func (t *links) dialRoom() int {
	return max(t.maxPeers-t.maxPeers/4, 1) - t.count(dialing, greeting, living) + t.strangers()
}

func (t *links) countSyncing() (n int) {
	for _, l := range t.peers {
		if l.syncing {
			n++
		}
	}
	return n
}

// next is when due will have something that it has not now, at most limit.
func (t *links) next(limit time.Time) time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	dials, syncs, room, strangers := t.count(dialing), t.countSyncing(), t.dialRoom(), t.strangers()
	for _, l := range t.peers {
		var at time.Time
		switch {
		case t.mayDial(l, dials, strangers, room):
			at = l.nextDial
		case l.state == greeting:
			at = l.since.Add(greetTimeout)
		case l.state == living && !l.syncing && syncs < maxSyncs:
			at = l.syncAt()
		default:
			continue
		}
		if at.Before(limit) {
			limit = at
		}
	}
	return limit
}

// dialled notes the end of a dial; a success was noted by its connection.
func (t *links) dialled(id peerID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil || l.state != dialing {
		return
	}
	l.enter(away, now)
	pause := jitter(redialMin, redialMax)
	if l.dials > fastDials {
		pause = jitter(redialMax, redialSlow)
	}
	l.nextDial = now.Add(pause)
	t.release(l, now)
}

// syncAt is when the next sync with a member is due.
func (l *link) syncAt() time.Time {
	if !l.soonSync.IsZero() && l.soonSync.Before(l.nextSync) {
		return l.soonSync
	}
	return l.nextSync
}

// synced notes the end of a sync that this side began, or the other.
func (t *links) synced(id peerID, now time.Time, ours bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil {
		return
	}
	if ours {
		l.syncing = false
	}
	l.lastSync = now
	l.nextSync = now.Add(jitter(t.every-t.every/10, t.every+t.every/10))
}

// syncSoon asks for a sync with a member besides the regular ones: at that
// time, but not closer to the last one than syncPause.
func (t *links) syncSoon(id peerID, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil || l.state != living {
		return
	}
	if first := l.lastSync.Add(syncPause); first.After(at) {
		at = first
	}
	if l.soonSync.IsZero() || at.Before(l.soonSync) {
		l.soonSync = at
	}
}

// othersSoon brings the syncs with all peers but one forward.
func (t *links) othersSoon(but peerID) {
	now := time.Now()
	for _, l := range t.list() {
		if id, ok := t.find(l.Node); ok && id != but {
			t.syncSoon(id, now)
		}
	}
}

// list describes the links that are members or are tried.
func (t *links) list() []PeerInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var infos []PeerInfo
	for node, l := range t.nodes {
		if l.state == living || l.wanted {
			infos = append(infos, PeerInfo{Node: node, Since: l.since, Connected: l.state == living})
		}
	}
	slices.SortFunc(infos, func(a, b PeerInfo) int { return compare(a.Node, b.Node) })
	return infos
}

// rank is 0 for a connected living member.
func (t *links) rank(node key.Hash) int {
	if _, ok := t.find(node); ok {
		return 0
	}
	return 1
}
