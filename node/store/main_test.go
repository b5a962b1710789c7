package store

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes this test binary play a part instead of running tests:
// "part directory".
const childEnv = "MESHPRESENCE_STORE_CHILD"

// longEnv multiplies what the tests of crashes and rot do: "20" is a long run.
const longEnv = "MESHPRESENCE_STORE_LONG"

// parts are what a child process can play. Their error ends up on stderr.
var parts = map[string]func(dir string) error{
	"publish": publish,
	"insist":  insist,
	"bolt":    boltBatches,
	"once":    commitOnce,
	"hold":    hold,
	"idle":    idle,
	"full":    fillDisk,
}

func TestMain(m *testing.M) {
	if part, dir, ok := strings.Cut(os.Getenv(childEnv), " "); ok {
		if err := parts[part](dir); err != nil {
			fmt.Fprintln(os.Stderr, part, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child prepares a process that plays a part, under a wrapper such as strace
// where one is given.
func child(t testing.TB, part, dir string, wrapper ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrapper, self)
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Env = append(os.Environ(), childEnv+"="+part+" "+dir, "GORACE=exitcode=0")
	c.Stderr = os.Stderr
	return c
}

// times is n, or more where longEnv says so, or fewer under the race detector,
// which is slow and not what these tests are for.
func times(n int) int {
	if raceEnabled {
		n = (n + 4) / 5
	}
	factor := 1
	if _, err := fmt.Sscan(os.Getenv(longEnv), &factor); err != nil {
		return n
	}
	return n * factor
}
