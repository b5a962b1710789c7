package federation

import "time"

// Protocols and topics (federation.md, Carriage).
const (
	protocolHello   = "/mpp/hello/1"
	protocolForward = "/mpp/forward/1"
	protocolSync    = "/mpp/sync/1"
	topicPrefix     = "/mpp/1/"
)

// Numbers that the design pages give.
const (
	// MaxBatch is how many facts one gossip message holds at most.
	MaxBatch = 16
	// RowPage is how many rows a page of /mpp/sync/1 holds at most.
	RowPage = 1000
	// DefaultSyncEvery is the time between two syncs with one peer.
	DefaultSyncEvery = 10 * time.Second
	// DefaultMaxPeers is how many peers a household node is connected to.
	DefaultMaxPeers = 32
	// BeaconEvery is how often a node says what is attached to it.
	BeaconEvery = 20 * time.Second
	// BeaconFresh is how long a beacon counts after it was seen to grow.
	BeaconFresh = 60 * time.Second
	// WaitFor is how long a fact is kept whose author is not known yet.
	WaitFor = 5 * time.Second
	// MaxClockOffset is how far from the median of all clocks a node may be
	// and still confirm copies.
	MaxClockOffset = 60 // seconds

	gossipD         = 6
	gossipDlo       = 2
	gossipDhi       = 12
	gossipDout      = 1
	gossipHeartbeat = 500 * time.Millisecond
	maxWaiting      = 256 // facts that wait, a peer
	redialMin       = 500 * time.Millisecond
	redialMax       = 2 * time.Second
)

// OURS: limits, and the attack each one stops.
const (
	// maxGossip is the longest gossip message in bytes: 16 of the largest
	// facts. Longer ones are rejected before they are parsed.
	maxGossip = 128 << 10
	// maxRPC is the longest gossipsub RPC in bytes; it bounds what one stream
	// can make us buffer. An RPC also carries control messages.
	maxRPC = 256 << 10
	// maxFrame is the longest frame of a stream protocol in bytes; a length
	// beyond it ends the stream before anything is allocated.
	maxFrame = 512 << 10
	// fillFrame is where a writer stops adding facts to a frame.
	fillFrame = 256 << 10
	// maxFrameFacts and the others bound what one frame makes us keep.
	maxFrameFacts  = 512
	maxFrameHashes = 1024
	maxFrameSums   = 1024
	maxRowKey      = 256 // bytes
	// maxShown is how many facts a peer may show before it is known.
	maxShown = 16
	// maxAsks is how many requests one stream may carry; it ends a stream
	// that never does.
	maxAsks = 4096
	// maxRowsAccount is how many rows one account may have; it stops a peer
	// that pages for ever.
	maxRowsAccount = 1 << 16
	// maxAccounts is how many sums a peer may tell.
	maxAccounts = 1 << 16
	// maxSessionWaits is how many facts of one account a sync keeps until
	// their author came.
	maxSessionWaits = 2048

	// messageRate and messageBurst bound the gossip messages of one peer that
	// are judged: a member that says held facts again and again costs us no
	// more. What an honest one says past them comes by sync.
	messageRate  = 2000 // a second
	messageBurst = 4000
	// askRate and askBurst bound the requests of one peer on its streams: each
	// may make the node read an account. What is more is answered 429.
	askRate  = 1000 // a second
	askBurst = 4000
	// beaconRate and beaconBurst bound the beacons of one author that are
	// passed on; an honest one sends at most one each beaconDelay.
	beaconRate  = 12 // a second
	beaconBurst = 24
	// listBurst bounds the lists of attachments asked of one node, at one a
	// second; logBurst the lines about one node, likewise.
	listBurst = 4
	logBurst  = 8

	// maxVerified is how many good signatures are remembered, in two halves.
	maxVerified = 8192
	// maxWaitingPeers is how many peers may have facts that wait; the facts
	// of one more peer are dropped and come back by sync.
	maxWaitingPeers = 64
	// gossipQueue is how many facts wait to be gossiped; past it the oldest
	// is dropped, counted, and comes by sync.
	gossipQueue = 1024
	// spreadAtOnce is how many facts that came by sync are gossiped on; more
	// are left to the other links' own syncs.
	spreadAtOnce = 64
	// maxDeclined is how many offered facts are remembered as not wanted, in
	// two halves, so that a peer that keeps them is not asked at every sync.
	maxDeclined = 8192
	declineFor  = time.Minute

	// maxSpeakers is how many nodes' beacons are kept, and maxAttached how
	// many attachments of one: a member cannot fill our memory with names.
	maxSpeakers = 1024
	maxAttached = 16384
	// maxDelta is how many hashes a beacon adds and removes at most; more is
	// left to the list.
	maxDelta = 128

	// maxClaims and claimFor bound what a peer can keep others from bringing,
	// by offering and never sending.
	maxClaims = 1 << 16
	claimFor  = 5 * time.Second

	// greetTimeout ends a connection whose peer has not shown that it is a
	// member; frameTimeout a stream whose peer stopped; syncTimeout a sync.
	greetTimeout = 5 * time.Second
	frameTimeout = 10 * time.Second
	// noteEvery is how often one who asks about a connection that libp2p has
	// not told us of yet looks again.
	noteEvery   = 5 * time.Millisecond
	syncTimeout = 2 * time.Minute
	dialTimeout = 5 * time.Second
	doorTimeout = 5 * time.Second
	// barredFor keeps a peer away that was refused or sent what no honest
	// node sends.
	barredFor = 30 * time.Second
	// redialSlow is the longest pause between dials of a member that stays
	// away; with it a healed partition is met within one sync interval.
	redialSlow = 8 * time.Second
	// fastDials is how many dials keep to redialMin..redialMax.
	fastDials = 20
	// syncPause is the shortest time between two syncs with one peer that the
	// peer can cause.
	syncPause = time.Second
	// joinSync is how long after a peer joined the topic it is synced with:
	// two heartbeats, so that it is in the mesh. What was gossiped past it
	// before is found then.
	joinSync = 2 * gossipHeartbeat
	// maxSyncs and maxDials are how many of ours run at once, so that a slow
	// peer holds up one of them.
	maxSyncs = 4
	maxDials = 16
	// reviewEvery is how often connected peers are asked for again at the
	// Door, should an expelled fact have come some other way.
	reviewEvery = 5 * time.Second
	// beaconDelay gathers changes for one beacon: within 200 ms they are told.
	beaconDelay = 100 * time.Millisecond
	// retryEvery spaces the attempts to merge what waits while no author or
	// host came, retryPause those after one did; longRound is how long the
	// loop may sleep.
	retryEvery = time.Second
	retryPause = 50 * time.Millisecond
	longRound  = time.Minute
	// maxAddresses is how many addresses of one node are dialled.
	maxAddresses = 8
	// maxFound is how many nodes are kept that are only announced on the local
	// network, and maxFoundDials how many of them are dialled or greeted at
	// once: whoever announces thousands takes no room from members.
	maxFound      = 64
	maxFoundDials = 2
	// foundMin and foundMost bound the pause before one of them is dialled
	// again; it doubles each time. foundLife is how long an announcement counts.
	foundMin  = 5 * time.Second
	foundMost = 30 * time.Minute
	foundLife = 2 * time.Hour
	// maxKnown is how many nodes are kept to be dialled.
	maxKnown  = 4096
	warnEvery = time.Minute
)

// Streams at once, a peer and direction; more are reset by the resource
// manager.
const (
	peerHellos   = 2
	peerForwards = 16
	peerSyncs    = 2
)
