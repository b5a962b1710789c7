package wire

// Sizes fixed by the layouts of the package comment, in bytes.
const (
	SizeID          = 8  // stream and handshake ids
	SizeOneTimeID   = 16 // AES(key, stream id | counter)
	SizeZeros       = 16 // what every packet of a handshake towards the responder begins with
	SizeHeader      = 16 // the header block
	SizeTag         = 16 // the tag of either AEAD
	SizeNonce       = 12 // the nonce of either AEAD
	SizeExpect      = 32
	SizeHash        = 32 // SHA-256: h1, the hash of a node card
	SizeValue       = 57 // the challenge value
	SizeMAC         = 16 // the end of the challenge value
	SizeResetToken  = 16
	SizeTicketID    = 16
	SizePathValue   = 16 // values of PathChallenge and PathResponse
	SizeEmptyBody   = 4  // 10 00 20 00
	PayloadOverhead = 5  // the empty list and a binary of 256 bytes or more
)

// Sizes of packets, in bytes.
const (
	// MaxPacket is the longest packet before a path is known to carry more.
	MaxPacket = 1200

	// SmallPacket is what every path carries. A first packet under it is
	// dropped unread, so that answers never exceed what was received.
	SmallPacket = 548

	// MinData is the shortest data packet: an empty body.
	MinData = SizeID + SizeHeader + SizeEmptyBody + SizeTag
)

// Version is the version byte of every handshake packet and challenge value.
const Version = 1

// Types of handshake packets towards the responder, at offset 16. Error and
// Data are the HTTP binding's and never sent over UDP.
const (
	TypeHello    = 2
	TypeExchange = 3
	TypeComplete = 4
)

// Types of handshake packets towards the initiator, at offset 8.
const (
	TypeChallenge         = 2
	TypeResponderComplete = 3
)

// Tags of extensions, the strings on the wire (reference.md 6.4). Receivers
// ignore the ones they do not know.
const (
	TagStreamClient    = "StreamClient"
	TagStreamSender    = "StreamSender"
	TagStreamReceiver  = "StreamReceiver"
	TagStreamNew       = "StreamNew"
	TagRefuse          = "Refuse"
	TagOneTimeStreamID = "OneTimeStreamId"
	TagRoll            = "Roll"
	TagCloseStream     = "CloseStream"
	TagCloseConnection = "CloseConnection"
	TagPathChallenge   = "PathChallenge" // OURS, 16 bytes
	TagPathResponse    = "PathResponse"  // OURS, 16 bytes
	TagReset           = "Reset"         // OURS, 16 bytes
)

// Protocol is the value of StreamClient here; an absent StreamClient means the
// same.
const Protocol = "mmmpresence"

// Limits of ours.
const (
	// MaxExtensions bounds the entries of a list: reading a list compares each
	// tag with the ones before it, and a packet of tiny entries would make
	// that quadratic.
	MaxExtensions = 16
)
