package jsonbcd

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The form is time's own, whatever the time.
func TestAppendTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	list := []int64{minTime, maxTime, 0, -1, 951782400, 4107542399} // leap days of 2000, and none in 2100
	for range 1000 {
		list = append(list, minTime+r.Int64N(maxTime-minTime))
	}
	for _, unix := range list {
		want := `"` + time.Unix(unix, 0).UTC().Format(timeLayout) + `"`
		if got := string(AppendTime(nil, unix)); got != want {
			t.Errorf("%d is %s, want %s", unix, got, want)
		}
	}
}

func BenchmarkAppendTime(b *testing.B) {
	buf := make([]byte, 0, 32)
	for b.Loop() {
		buf = AppendTime(buf[:0], 1_700_000_000)
	}
}
