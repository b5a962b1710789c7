//go:build failpoint

package store

import (
	"fmt"
	"slices"
	"testing"
)

// Every acknowledged commit is there and every batch whole, wherever between
// two durable steps the process dies.
func TestFailpoints(t *testing.T) {
	for p := beforePut; p <= afterSync; p++ {
		for _, hit := range []int{1, 2, 7} {
			t.Run(fmt.Sprint(p, ":", hit), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				var last [publishers]int64
				for range 2 { // the second time on what the first left
					c := child(t, "publish", dir)
					c.Env = append(c.Env, fmt.Sprintf("%s=%v:%d", FailpointEnv, p, hit))
					before := last
					killAfter(t, c, 0, &last)
					told := last
					checkCrashed(t, dir, &last)
					if p != afterSync && hit == 1 && last != before {
						t.Errorf("%v is there, %v was before, and nothing was to be synced", last, before)
					}
					if p == afterSync && last == told {
						t.Error("a group was synced before the end and is not there")
					}
				}
			})
		}
	}
}

// The points are passed in their order.
func TestFailpointOrder(t *testing.T) {
	s := openStore(t, t.TempDir())
	var passed []failpoint
	failpoints.mu.Lock()
	failpoints.hook = func(p failpoint) { passed = append(passed, p) }
	failpoints.mu.Unlock()
	err := s.Commit(t.Context(), batchOf(newAuthor(t, 1).event(t, 1, 1, 1)))
	failpoints.mu.Lock()
	failpoints.hook = nil
	failpoints.mu.Unlock()
	if want := []failpoint{beforePut, afterPut, beforeSync, afterSync}; err != nil || !slices.Equal(passed, want) {
		t.Errorf("passed %v, %v, want %v", passed, err, want)
	}
}
