// Package mpp is the Mesh Presence Protocol: its messages, structures, status
// codes and store masks, as bytes and as Go values. It has no clock, no I/O and
// no keys. This comment is the interoperability specification; another
// implementer should need nothing else but RUD below it and the fact format
// inside it (internal/record).
//
// # Sources
//
// The seed drafts (MPP-00, MPP-03) name the verbs and leave the fields open.
// Names, types and order follow the author's reference schema; what the drafts
// ask for and that schema lacks is marked OURS. The reference refuses a message
// with a member it does not know, so no OURS member is sent to it.
//
// # Carriage
//
// A message is the payload of a RUD datagram. A client message takes one packet;
// FactRequest, PublishRequest, InviteRequest, AcceptRequest, JoinRequest,
// PermissionRequest and DataRequest may take up to 16 once the connection is
// proved. A service message takes 1 to 16. 16 packets hold 18,480 bytes at 1200
// and 8,048 at 548. What does not fit is answered with the empty Store and
// fetched; nothing is truncated in silence.
//
// # Encoding
//
// A message is a tagged object in JSON-B: an outer object with one member, whose
// name is the message's tag and whose value is the message's object.
//
//	7b b4 LL tag 7b members 7d 7d [anything, ignored: the reference pads with zeros]
//
//	type   bytes                                       Go
//	I      a0..a3 magnitude, a8..ab negated, big endian   Int, int64
//	S      80..83 length UTF-8                         string
//	B      88..8b length bytes                         []byte
//	Bool   b0 true, b1 false                           Bool, bool
//	D      22 YYYY-MM-DDTHH:MM:SSZ 22                  wall.Time, seconds
//	{X}    7b members 7d, untagged                     struct
//	[X]    5b values 5d, no commas                     slice
//	fact   a signed fact's object as its author encoded it, verbatim
//
// A name is b4..b7, length, UTF-8, without a colon. Lengths take the fewest
// bytes. Members stand in this order: the message's own, its base's, then
// Request's or Response's. An absent member is not written; zero, false, "" and
// the empty list are members like others. In Go absent is nil, "", the zero time
// or an unset Int; hence "" and the zero time are never sent, but for
// StoreStatus.Store.
//
// A reader takes JSON and JSON-B in any mixture and members in any order, skips
// members it does not know, takes null for absent and, of duplicates, the last.
// It refuses a second member in the outer object, a value of the wrong type, a
// size that the tables give and the value has not, and lists longer than our
// limits (limits.go).
//
// # Client to service
//
// Base, after the members below: Serial I, Acknowledge I | Service S, ID B.
// Serial is per device, node and boot of either side, and only grows. Attach is the
// hash of the device's attach fact (package record), sent before.
//
//	tag                        draft section              own members
//	PresenceConnectRequest     MPP-03 Subscribe           OURS: Attach B32, Timeout I (ms)
//	PresenceDisconnectRequest  MPP-03 Unsubscribe         OURS: Attach B32
//	PresenceHeartbeat          MPP-03 Status request      OURS: Devices Bool
//	PresenceEndpointRequest    STUN role                  -
//	PresenceAcknowledge        MPP-03 Acknowledgement     -
//	PresenceResolveRequest     MPP-03 DNS Proxy           DnsRequest B (RFC 1035)
//	PresenceFactRequest        OURS                       Facts [fact], Want [{Want}], Since [{Since}]
//	PresencePublishRequest     MPP-03 events posted       OURS: Event fact
//	PresenceFetchRequest       OURS                       Channel S, Publisher B32, Sequence I, Store S, After B32, Statuses Bool
//	PresenceJoinRequest        OURS                       Step I, Id B8, Nonce B32, Name S, Keys [B], Mac B32,
//	                                                      Signature B, Facts [fact]
//	PresenceInviteRequest      MPP-00 Invite              OURS: Session B, Facts [fact]; Request {SessionRequest}
//	PresenceAcceptRequest      MPP-00 Accept              OURS: Session B, Facts [fact]; Response {SessionResponse}
//	PresenceDataRequest        MPP-00 Forwarding          OURS: Session B, Data B
//	PresencePermissionRequest  MPP-00 Permission          OURS: Policy fact
//
// # Service to client
//
// Base, after the members below: EndPoint {UdpEndpoint}, Now D, Acknowledge I |
// Status I, StatusExtended I, StatusDescription S, ID B. EndPoint is the newest
// validated path of the device; Acknowledge the Serial of the request answered.
//
//	tag                        draft section              own members
//	PresenceConnectResponse    MPP-03 Subscribe response  ConnectionTimeout I (ms); OURS: Node fact, Peers [S],
//	                                                      Facts {Sum}, History {History}, Gone [{Since}]
//	PresenceErrorInvalidSerial reference                  Serial I
//	PresenceStatus             MPP-03 Status              OURS: Serial I, Stores [{StoreStatus}], Ticks I,
//	                                                      LeapSeconds I, Devices [{DeviceStatus}], More Bool, Peers [S]
//	PresenceEndpointResponse   STUN role                  -
//	PresenceNotify             MPP-03 Publish             Bitmask B, Serial I; OURS: Stores [{StoreStatus}], Events [fact]
//	PresenceResolveResponse    MPP-03 DNS Proxy           DnsResponse B (RFC 1035)
//	PresenceFactResponse       OURS                       Results [{Result}], Facts [fact], More Bool
//	PresencePublishResponse    OURS                       Result {Result}, Facts [fact]
//	PresenceFetchResponse      OURS                       Facts [fact], More Bool
//	PresenceJoinResponse       OURS                       as PresenceJoinRequest; only Step and Id are sent
//	PresenceJoin               OURS                       as PresenceJoinRequest
//	PresenceTransfer           MPP-00 Service: Transfer   OURS: Ticket B, Node fact, Peers [S]
//	PresenceInvite             MPP-00 Invite              as PresenceInviteRequest
//	PresenceAccept             MPP-00 Accept              as PresenceAcceptRequest
//	PresenceData               MPP-00 Forwarding          as PresenceDataRequest
//
// # Structures
//
//	UdpEndpoint         IpAddress B (4 or 16, network order), Port I
//	SessionRequest      Protocol S, Options [S], Inbound {UdpEndpoint}, Expires D;
//	                    OURS: Candidates [{UdpEndpoint}] (at most 8), Ticket B, From B32 | MessageId S, Sender S, Recipient S
//	SessionResponse     Accept Bool, Protocol S, Options [S], Inbound {UdpEndpoint};
//	                    OURS: Candidates [{UdpEndpoint}], Ticket B | MessageId S, Sender S, Recipient S
//	ServiceAccessToken  Token B, SharedSecret B | Prefix S, Mapping S, Endpoints [S]
//	StoreStatus         Store S, Index I, Digest B   (our events: label tag in base32, Serial, event's hash)
//	DeviceStatus        Id S, Status S (a Reason), Comment S, LastConnected D; OURS: Node B32, Since D
//	Want    OURS        Kind S, Account B32, Sub B, Hash B32, After B32, All Bool
//	Since   OURS        Publisher B32, then Tag B16, Serial I (a status)
//	                    or Channel S, Floor I, Ranges [I] (queued events; pairs from, to)
//	Result  OURS        Hash B32, Code I, Copies I, RetryAfter I (ms)
//	Sum     OURS        Count I, Sum B32 (of hashes, modulo 2^256, big endian)
//	History OURS        Id B, Count I, Dropped I (absent: none)
//
// More, All, Devices of a heartbeat and Statuses are written only when true.
//
// # Codes
//
// The codes of [Code] stand in Status and in Result.Code: 200 ok, 202
// fewer-copies, 400 malformed, 401 not-admitted, 403 refused, 408 expired, 409
// serial, 410 revoked, 413 too-large, 429 quota, 501 not-offered, 503 draining,
// 507 disk-full. 100 to 299 is success, as in the reference, whose presence
// service never sends one.
//
// # Reasons
//
// DeviceStatus.Status is a [Reason]: watching, watching-elsewhere, unconfirmed,
// connected, unknown; detached, never-attached, attachment-expired, may-not-watch,
// revoked, not-listed, no-such-device, node-expelled, node-unknown,
// account-not-kept, clock-doubtful. Comment holds further ones that are true
// besides. A device that is silent is unknown and never offline.
//
// # What is gone
//
// History.Id is made with a node's store and Count says how many events it ever
// wrote: another Id, or a smaller Count than a device saw before, means that the
// store was lost or rolled back. Gone says of which channels the account's quota
// dropped what the device did not say it holds: all up to Floor.
//
// # Store masks
//
// PresenceNotify's Bitmask has bit t mod 8 of byte t/8 set for each store type t
// touched. All spools report type 0, Any. See [StoreType].
package mpp
