// Package limit holds token buckets in fixed memory, one for each address prefix
// or identity, for callers that must not be made to remember strangers.
//
// A bucket is one time: when it will be full again. Taking a token moves that
// time on by one interval; a bucket whose time would be more than a burst ahead
// has no token (the generic cell rate algorithm). A bucket whose time is past is
// full, and forgetting it changes nothing.
//
//	time:   past = full | now ......... now + burst * interval = empty
//
// Buckets stand in a hash table of sets of eight under a random seed. A key that
// finds its set without a bucket for it takes over the fullest one, time
// included. So nobody gains by being forgotten: the attacker's own bucket is the
// emptiest of its set and goes last, what it inherits when it comes back was
// paid for by another, and all keys of a set together never get more than eight
// buckets allow.
package limit
