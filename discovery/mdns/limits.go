package mdns

import "time"

// Numbers of RFC 6762.
const (
	port = 5353
	hops = 255 // §11
	// maxMessage is the longest message, §17.
	maxMessage = 9000
	// ttlHost is the life of records that hold a host's name, ttlOther that of
	// the others, in seconds, §10.
	ttlHost  = 120
	ttlOther = 4500
	// announcements are sent a second apart, §8.3.
	announcements = 2
	// maxLost is how many more are tried when one cannot be sent: a new IPv6
	// address is of no use for its first second or two.
	maxLost = 4
	// answerMin and answerMax delay an answer that others may give too, §6.
	answerMin = 20 * time.Millisecond
	answerMax = 120 * time.Millisecond
	// answerPause is the shortest time between two answers on a link, §6.
	answerPause = time.Second
	// askFirst is the pause after the first question; each later one is twice
	// the one before, up to askMost, §5.2.
	askFirst = time.Second
	askMost  = time.Hour
	// maxString is the longest string in a TXT record, RFC 1035 §3.3.
	maxString = 255
)

// OURS: limits, and the attack each one stops.
const (
	// maxEntries is how many nodes one search keeps: a network can announce
	// thousands. A node not heard for entryStale gives way to a new one.
	maxEntries = 64
	entryStale = 2 * time.Minute
	entryLife  = 75 * time.Minute // of what is not announced any more; ttlOther
	// entryRepeat is how often a node that goes on saying the same is told
	// again to who searches.
	entryRepeat = time.Minute
	// maxAddrs and maxPeers bound what is kept of one node: each is dialled.
	maxAddrs = 16
	maxPeers = 8
	// maxQuestions, maxRecords and maxInMessage bound what one message makes
	// us look at.
	maxQuestions = 64
	maxRecords   = 128
	maxInMessage = 8
	// maxRate is how many messages a second are read from one socket; the
	// rest of a flood is dropped unread.
	maxRate = 500
	// maxQueue is how many messages wait to be looked at; later ones are
	// dropped, and come again with the next question.
	maxQueue = 64
	// maxLinks is how many interfaces are joined.
	maxLinks = 32
	// maxErrors is how many reads in a row may fail before a socket is given
	// up: one that is broken must not keep a processor busy.
	maxErrors = 100
	// rescanEvery is how often interfaces are looked for anew: a machine joins
	// another network, or wakes.
	rescanEvery = 15 * time.Second
)

// DefaultWait is how long a Resolver listens (federation.md, Defaults).
const DefaultWait = 3 * time.Second
