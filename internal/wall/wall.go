// Package wall is the seam to the wall clock: expiry, the times in signed facts and the DateTime of presence
// messages all come through one injected Clock, at the resolution those carry, whole Unix seconds.
//
// A wall.Time is a distinct type on purpose. Timers, retries and buckets run on the monotonic reading of a
// time.Time that is passed down as `now`; the compiler refuses to mix that with a Time, which may jump when the
// host's clock is set.
package wall

import "time"

// Time is a wall clock time in whole Unix seconds, the resolution of a DateTime in a presence message. Zero means
// absent; it is never a real time on the wire.
type Time int64

// Of is t in whole seconds, rounded down. The zero time.Time gives the absent Time.
func Of(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.Unix())
}

// Std is t as a time.Time in UTC without a monotonic reading. An absent Time gives the zero time.Time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

// Add is t moved by d, in whole seconds rounded toward zero. An absent Time stays absent.
func (t Time) Add(d time.Duration) Time {
	if t == 0 {
		return 0
	}
	return t + Time(d/time.Second)
}

// String is t as RFC 3339 in UTC, or "absent".
func (t Time) String() string {
	if t == 0 {
		return "absent"
	}
	return t.Std().Format(time.RFC3339)
}
