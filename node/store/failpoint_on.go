//go:build failpoint

package store

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// FailpointEnv names the variable that says where this process dies:
// "before-sync:3" is the third time it comes to that point.
const FailpointEnv = "MESHPRESENCE_FAILPOINT"

var failpoints struct {
	once  sync.Once
	mu    sync.Mutex
	point string
	left  int
	hook  func(failpoint) // set by tests of this package
}

// fail ends the process without a word where FailpointEnv says so, as kill -9
// does.
func fail(p failpoint) {
	f := &failpoints
	f.once.Do(readFailpoint)
	f.mu.Lock()
	hook := f.hook
	hit := f.left > 0 && f.point == p.String()
	if hit {
		f.left--
	}
	die := hit && f.left == 0
	f.mu.Unlock()
	if hook != nil {
		hook(p)
	}
	if die {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		fmt.Fprintln(os.Stderr, "dying at a failpoint:", err)
		select {} // the signal is on its way: nothing more may happen here
	}
}

func readFailpoint() {
	name, count, _ := strings.Cut(os.Getenv(FailpointEnv), ":")
	n, err := strconv.Atoi(count)
	if err != nil {
		n = 1
	}
	failpoints.point, failpoints.left = name, n
}
