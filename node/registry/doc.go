// Package registry holds what a node knows: the facts of the accounts it
// carries and of the realm it lives in, and nothing that is not signed.
//
// A [Registry] is a value with verbs, owned by one goroutine. It does no I/O,
// reads no clock and checks no signature: every fact handed to [Registry.Merge]
// has been verified by whoever took it from outside. What has to happen because
// a fact was merged comes back in [Effects], as data, and the owner performs it.
//
// # What counts
//
// What counts is a function of the set of facts, whatever their order of
// arrival (facts.md, "One author per key"):
//
//   - Of two facts under one key the greater (Serial, then hash) counts; the
//     other is forgotten.
//   - What rests on a revoked key is void: the device fact that names it, its
//     attachment and its events leave the registry and are refused when offered
//     again. Only revoked facts always count. An account whose own key is
//     revoked is closed: nothing of it is left but its revoked facts.
//   - An expelled node's node and host facts are void for good.
//   - An epoch counts for sealing when it lists no revoked key and no epoch of a
//     greater number does. OURS, see [SplitEpochs]: a revoked device was handed the
//     private halves of the epochs from before it joined.
//   - An expired fact is not used, not offered, and forgotten.
//   - An event below the Oldest its publisher signed is gone.
//
// OURS: a fact that only ends something, a detach or a host fact that Ended, may
// expire later than its kind lives. It has to outlive what its author signed while
// its clock was ahead. What this registry held before, [Registry.Restore] takes
// back though a clock that is behind finds it too far off.
//
// A fact whose author is not known yet, or whose account nobody vouches for,
// is not kept: [Waits] tells the caller that it may be offered again.
//
// # Carried accounts
//
// An account is carried when a living member of the realm says so in a living
// host fact that has not Ended. A member vouches for [MaxVouched] accounts; past
// that its lowest account hashes count, so which ones do is again a function
// of the set (federation.md, "Carriage").
//
// # Bounds
//
// The events of an account fit [MaxEvents] and [MaxEventBytes]; its revocations
// are [MaxRevoked] at most, and its other facts fit [MaxAccountBytes]. Over the
// event quota, the publisher that holds most loses the lowest sequences of its
// fullest channel, statuses after queued events, until it fits: what is dropped
// does not depend on who arrived last.
//
// OURS: events of another account's devices, which carry a capability, are
// refused until contacts are offered.
package registry
