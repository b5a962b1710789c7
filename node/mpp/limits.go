package mpp

// Constants of the protocol.
const (
	// ServiceName is the well-known path of the presence service; its SRV names
	// are ServiceUDP and ServiceTCP.
	ServiceName = "mmmpresence"
	ServiceUDP  = "_mmmpresence._udp"
	ServiceTCP  = "_mmmpresence._tcp"
	// ServiceOld is the name of an older stub, accepted when resolving.
	ServiceOld = "mmmp"
	// TokenPrefix marks a ServiceAccessToken for this service.
	TokenPrefix = "mmm_presence"

	HashSize  = 32 // SHA-256: facts, accounts, publishers, devices
	TagSize   = 16 // label tag of a status
	JoinSize  = 8  // Id of a join code
	NonceSize = 32 // of each side of a join
	MACSize   = 32 // HMAC-SHA-256 of a join
)

// Our limits. An authenticated peer may still be hostile: each bounds the work
// or memory that one message can make a node spend.
const (
	// MaxMessage is what 16 packets of 1200 bytes hold (mpp.md); a larger
	// message could only come in through another door, to cost memory.
	MaxMessage = 18480
	// MaxFacts bounds signatures checked for one message; the smallest fact is
	// about 200 bytes, so no honest message comes near.
	MaxFacts = 128
	// MaxWant, MaxResults and MaxStores bound look-ups for one message.
	MaxWant    = 512
	MaxResults = 512
	MaxStores  = 256
	// MaxSince bounds the publishers and labels one message compares;
	// MaxRanges is federation.md's 16.
	MaxSince  = 256
	MaxRanges = 16
	// MaxDevices is the 32 devices of an account, doubled for those revoked.
	MaxDevices = 64
	// MaxPeers, MaxKeys, MaxOptions and MaxEndpoints bound short lists that a
	// device walks, dials or shows.
	MaxPeers     = 16
	MaxKeys      = 8
	MaxOptions   = 16
	MaxEndpoints = 16
	// MaxCandidates is mpp.md's 8: more would make a device a packet cannon.
	MaxCandidates = 8
	// MaxDNS bounds a relayed query or answer (EDNS's usual 4096), so a resolve
	// request amplifies nothing.
	MaxDNS = 4096
	// MaxSub bounds what follows kind and account in a key: publisher, channel and
	// sequence at most.
	MaxSub = 128
	// MaxID bounds opaque ids that are stored or echoed.
	MaxID = 64
	// MaxSignature and MaxKey hold Ed448's, with our algorithm byte.
	MaxSignature = 128
	MaxKey       = 64
	// MaxTicket bounds a ticket that a device stores before it answers.
	MaxTicket = 1024
)
