package node

import (
	"encoding/binary"
	"time"

	"meshpresence/internal/limit"
	"meshpresence/node/registry"
)

// What requests cost, in signature checks, and how many may be asked for: nobody
// keeps the loop from the others, neither over one connection nor over many.
const (
	costVerify = 1  // one signature
	costList   = 32 // gathering what is held of an account

	// of one connection
	allowanceRate  = 1000 // a second
	allowanceBurst = 2000
	// of all the devices of one account
	accountRate  = 4000
	accountBurst = 16000
	// of all connections from one /24 or /48 that have shown no device yet: a
	// household that comes back at once, and no botnet's worth of curve work
	strangersRate  = 4000
	strangersBurst = 16000
)

// allowances bound what connections may ask for together. The loop owns them.
type allowances struct {
	accounts, strangers *limit.Buckets
}

func newAllowances(now time.Time) allowances {
	return allowances{
		accounts:  limit.New(now, limit.Config{Rate: accountRate, Burst: accountBurst}),
		strangers: limit.New(now, limit.Config{Rate: strangersRate, Burst: strangersBurst}),
	}
}

// spend takes what a request costs from its connection's bucket and from the one
// that it shares, unless either holds too little.
func (n *Node) spend(req request, cost int) bool {
	s := req.session
	if !s.spend(req.now, cost) {
		return false
	}
	if n.shared.accounts == nil {
		n.shared = newAllowances(req.now)
	}
	if s.bound == (registry.DeviceRef{}) {
		return n.shared.strangers.Spend(req.now, limit.Prefix(s.conn.Path().Addr()), cost)
	}
	account := binary.BigEndian.Uint64(s.bound.Account[:])
	return n.shared.accounts.Spend(req.now, limit.Identity(account), cost)
}

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
