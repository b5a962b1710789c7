package rud

import (
	"testing"
	"time"
)

// What left at PTOs, whatever the pace said, leaves no debt: a device that slept
// hears the next thing soon.
func TestPaceHasNoDebt(t *testing.T) {
	g := newCongestion()
	now, srtt := time.Second, 100*time.Millisecond
	g.pace(now, srtt)
	for range 100 {
		g.onSent()
	}
	if at, most := g.pace(now, srtt), now+srtt; at > most {
		t.Errorf("the next packet leaves at %v, want it by %v", at, most)
	}
}
