package rud

import "time"

// roundTrip estimates the time to the peer and back (RFC 6298's filter). The
// zero value has no sample and answers with 333 ms.
type roundTrip struct {
	smoothed, variation, latest time.Duration
}

// sample takes one measurement in.
func (r *roundTrip) sample(d time.Duration) {
	d = max(d, time.Microsecond)
	r.latest = d
	if r.smoothed == 0 {
		r.smoothed, r.variation = d, d/2
		return
	}
	r.variation += (absolute(r.smoothed-d) - r.variation) / 4
	r.smoothed += (d - r.smoothed) / 8
}

// doubtful takes a measurement in that may be of more than the round trip. It
// cannot make the variation larger: where acknowledgements are lost, each timeout
// would lengthen the next one's.
func (r *roundTrip) doubtful(d time.Duration) { r.sample(min(d, r.srtt()+r.variation)) }

// least takes in that the round trip is at least so long.
func (r *roundTrip) least(d time.Duration) {
	if d > r.srtt() {
		r.sample(min(d, 4*r.pto()))
	}
}

// srtt returns the smoothed estimate.
func (r *roundTrip) srtt() time.Duration {
	if r.smoothed == 0 {
		return rttFirst
	}
	return r.smoothed
}

// pto returns the probe timeout: "PTO = srtt + 4 var + 25 ms".
func (r *roundTrip) pto() time.Duration {
	if r.smoothed == 0 {
		return rttFirst + 4*(rttFirst/2) + ackDelay
	}
	return r.smoothed + 4*r.variation + ackDelay
}

func absolute(d time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return d
}
