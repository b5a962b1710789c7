package record

// Sizes that facts.md fixes, in bytes.
const (
	// MaxFact is the longest encoded fact: it fits 16 packets on any path.
	MaxFact = 7000
	// MaxDevice is the longest encoded device fact; events carry one.
	MaxDevice = 600
	// MaxCapability is the longest capability; events carry one.
	MaxCapability = 1000
	// MaxData is the most data in one payload, as in Web Push.
	MaxData = 4096
	// MaxChannel is the longest name of a channel.
	MaxChannel = 64
	// TagSize is the length of a label tag.
	TagSize = 16
	// MaxWraps is how many devices one epoch is wrapped to.
	MaxWraps = 32
	// MaxOlder is how many older private halves one epoch carries.
	MaxOlder = 16
	// NameSize is the room for a device's name in an epoch.
	NameSize = 24
	// MaxNodes is how many nodes a home or an attach names.
	MaxNodes = 3
)

// Our limits. Each stops a well signed fact from costing its readers more than
// its kind needs.
const (
	maxLabel      = 64  // a label is a short name, as a channel is
	maxAddress    = 256 // no honest address is longer; bounds what is dialled and printed
	maxAddresses  = 8   // a reader tries each: bounds the time a bad one can waste
	maxPeers      = 16  // as maxAddresses, for libp2p's many transports
	maxAgreements = 4   // each is a curve operation for whoever tries them
	maxChannels   = 64  // a registry keeps each: bounds the memory of an attach
	maxRoles      = 8   // room for roles that we do not know yet
	maxBits       = 16  // topics double with each bit
	// maxPayload is an encoded payload: data, label, until and their names.
	maxPayload = MaxData + maxLabel + 64
	// maxOld is what an epoch seals: names and older halves.
	maxOld = MaxWraps*(prefixSize+NameSize) + MaxOlder*32 + 64
	// maxContact is a sealed capability.
	maxContact = MaxCapability + 64
)
