package rud

import (
	"time"

	"meshpresence/transport/rud/wire"
)

// Constants of the profile (rud.md, Data packets and Key exchange). Both sides
// must agree on these.
const (
	// payloadLarge is the payload of one packet of 1200 bytes, payloadSmall of
	// 548: what is left after id, header, tag, the empty list and a count.
	payloadLarge = wire.MaxPacket - packetOverhead
	payloadSmall = wire.SmallPacket - packetOverhead

	packetOverhead = wire.SizeID + wire.SizeHeader + wire.SizeTag + wire.PayloadOverhead

	// frameWindow: "no frame index more than 63 above the oldest not wholly
	// acknowledged". So both sides know a frame by one bit of 64.
	frameWindow = 64

	// Packets outstanding: "at most 48 packets outstanding to a device and 16
	// from it". The device is the initiator.
	outstandingToDevice   = 48
	outstandingFromDevice = 16

	// numberSpan: "no NEW frame packet leaves while next - oldest outstanding
	// number > 48", or its acknowledgement would not fit the bitmap.
	numberSpan = wire.AckBits

	// Frames of two or more packets under way: "one from a device, 3 to it".
	wideToDevice   = 3
	wideFromDevice = 1

	// ackEvery and ackDelay: acknowledgements leave "every 8th, on a gap, or
	// within 25 ms".
	ackEvery = 8
	ackDelay = 25 * time.Millisecond

	// ackHorizon: "ack-valid is cleared when the newest frame packet opened is
	// 2^14 or more below the newest packet opened": 16 bits would be ambiguous.
	ackHorizon = 1 << 14

	// Congestion: "window from 10 packets, minimum 2", first RTT 333 ms.
	windowFirst = 10
	windowLeast = 2
	rttFirst    = 333 * time.Millisecond

	// candidateCount: "2 candidates" beside the path in use.
	candidateCount = 2

	// amplification: "unproved paths get at most 3x the bytes opened from them".
	amplification = 3

	// maxPackets and maxAge: "hard stop at 2^25 or two hours", far below what
	// one AES-GCM key may seal.
	maxPackets = 1 << 25
	maxAge     = 2 * time.Hour

	// rollAge and rollPackets: "Rekey at an hour or 2^24 packets in a direction".
	rollAge     = time.Hour
	rollPackets = 1 << 24

	// oldKeysFor is in PTOs: "old keys open for 3 PTO more".
	oldKeysFor = 3

	// maxFailed: "close at 2^36 failed opens", the bound on forgeries of the
	// AEADs (RFC 9001 section 6.6 counts the same for AES-GCM).
	maxFailed = 1 << 36
)

// Limits of ours. Each names the attack or fault it stops.
const (
	// maxProvisional, maxProvisionalPrefix and provisionalFor bound connections
	// whose initiator has not proved that it holds the keys. Attack: valid
	// Completes by the thousand fill the memory. (The numbers are rud.md's.)
	maxProvisional       = 4096
	maxProvisionalPrefix = 64
	provisionalFor       = 30 * time.Second

	// provisionalLeast is how old one is before it gives way to another's Complete,
	// when there is no room: whoever means to go on has done so. Attack: two
	// Completes a second keep a prefix full. A prefix with proved devices gets 20 a
	// second answered, which is fewer than 64 in that time.
	provisionalLeast = 3 * time.Second

	// maxUnvalidated and maxUnvalidatedPrefix are the part of them that may come
	// of Exchanges. Attack: an Exchange may carry a forged source, so 140 a
	// second would take the room of everybody, and two a second that of a
	// prefix. Beyond it they get Challenges, and Completes have the rest.
	maxUnvalidated       = maxProvisional / 2
	maxUnvalidatedPrefix = maxProvisionalPrefix / 2

	// heldToDevice and heldFromDevice bound the bytes of frames accepted by
	// Send and not yet wholly acknowledged; with the reassembly of the other
	// direction a connection stays within 80 KiB. Attack: a device that never
	// acknowledges.
	heldToDevice   = 46 * payloadLarge
	heldFromDevice = wideFromDevice*wire.MaxPieces*payloadLarge + 2*bufferSmall

	// framesToDevice and framesFromDevice bound their number. Attack: the same,
	// with empty frames.
	framesToDevice   = frameWindow - 4 // which control may use
	framesFromDevice = 32

	// maxBeside: streams beside the main one, of either side. Attack: a device
	// that opens 10,000.
	maxBeside = 3

	// Each stream beside the main holds at most that many frames and packets
	// outstanding, and besideMemory in all, which a node takes off what may be
	// held and a device off the wide frames that may be under way. The main
	// stream keeps room of its own. Attack, and fault: one full stream starves
	// the others; a device that opens, closes and never acknowledges takes more
	// than 80 KiB.
	besideFrames          = 16
	besideOutstanding     = 16
	besideMemory          = 7 << 10
	mainFramesToDevice    = 8
	mainFramesFromDevice  = 4
	mainHeldToDevice      = 8 * payloadLarge
	mainHeldFromDevice    = 2 * bufferSmall
	mainPacketsToDevice   = 8
	mainPacketsFromDevice = 4

	// Frames of control that are not acknowledged; queueMost bounds those that
	// wait for that. Attack: a peer that never acknowledges and
	// makes us answer.
	controlToDevice   = 5
	controlFromDevice = 3
	queueMost         = 8

	// entriesMost and protocolMost bound the list of a frame: its first packet
	// holds it on every path, under one-time ids too.
	payloadSmallest = payloadSmall - (wire.SizeOneTimeID - wire.SizeID)
	entriesMost     = payloadSmallest
	protocolMost    = 255

	// rollLeast is how old keys are before they roll again, and rollRetry when a
	// Roll that cannot begin is tried again. Attack: a peer that would have us
	// agree on a curve without end; a responder waits half of it.
	rollLeast = 10 * time.Second
	rollRetry = time.Second

	// rollPatience is how long after the hour a responder asks, and how often.
	// Fault: it would ask just when the initiator starts.
	rollPatience = time.Minute

	// rollEvery is after how many packets more an overdue Roll is tried again.
	rollEvery = 1 << 18

	// lastNumber is the last packet number that is sealed, however often keys
	// rolled. Fault: numbers of 32 bits begin again.
	lastNumber = 1<<32 - 1<<20

	// One-time ids: oneTimeSet are issued at a time, when fewer than oneTimeLow
	// are ahead of the newest spent; the peer asks when it has fewer than
	// oneTimeAsk, keeps oneTimeMost, and sends no data with the last oneTimeKept. Attack: sets without end.
	oneTimeSet  = 16
	oneTimeLow  = 16
	oneTimeAsk  = 8
	oneTimeMost = 32
	oneTimeKept = 6

	// oneTimePatience is how long a sender without ids waits.
	oneTimePatience = 30 * time.Second

	// soonTimeouts PTOs come soon after each other before they double. Fault: at
	// 30% loss in bursts of 3 both ways half of all timeouts stay unanswered, and
	// doubling each had 16 packets take a minute (N1).
	soonTimeouts = 16

	// backoffMost bounds the doubling of the PTO. Fault: after an outage of a
	// minute the first packet would wait another minute.
	backoffMost = 8 * time.Second

	// reorderFirst packets may overtake one before it counts as lost; every
	// retransmission that proves needless adds to it up to reorderMost. Fault:
	// a path that reorders would have everything sent twice.
	reorderFirst = 3
	reorderMost  = 16

	// ptoPackets leave at a PTO. Fault: one packet would need a whole further
	// timeout when it is lost as well.
	ptoPackets = 2

	// sizeTries is in how many rounds packets over 548 bytes are lost, and none
	// arrives, before the path's MTU is believed to have fallen. Fault: a path
	// that swallows large packets and says nothing (N6: "within 3 timeouts").
	sizeTries  = 3
	sizeRounds = 100 // counted

	// sizeProofs is how many small packets arrive beside large ones that do not
	// before a frame is given up for the smaller size. Fault: bursts of loss that
	// hit only large packets for a while.
	sizeProofs = 3

	// raiseFirst and raiseMost are the waits before the larger size is tried
	// again. Fault: an outage looks like a fallen MTU.
	raiseFirst = 5 * time.Second
	raiseMost  = 10 * time.Minute

	// oldPathFor is how long a path that was left counts as proved. Attack: the
	// address is someone else's by then, who copies one packet.
	oldPathFor = 30 * time.Second

	// challengeTries bounds the challenges to one candidate without an answer.
	challengeTries = 5

	// spareBytes bounds the idle buffers an Endpoint keeps. Fault: a storm's
	// buffers would stay for ever.
	spareBytes = 1 << 20
)
