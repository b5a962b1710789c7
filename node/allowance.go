package node

import "time"

// What a connection's requests cost, in signature checks, and how many it may
// cost: one device, or one stranger, cannot keep the loop from the others.
const (
	costVerify = 1  // one signature
	costList   = 32 // gathering what is held of an account

	allowanceRate  = 1000 // a second
	allowanceBurst = 2000
)

// allowance is a token bucket. The zero value is full.
type allowance struct {
	spent   float64
	updated time.Time
}

// spend takes from the bucket, unless it holds too little.
func (a *allowance) spend(now time.Time, cost int) bool {
	a.spent = max(0, a.spent-now.Sub(a.updated).Seconds()*allowanceRate)
	a.updated = now
	if a.spent+float64(cost) > allowanceBurst {
		return false
	}
	a.spent += float64(cost)
	return true
}
