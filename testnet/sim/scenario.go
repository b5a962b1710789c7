package sim

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// Environment of Scenario.
const (
	envSeed  = "MESHPRESENCE_SEED"  // run this seed alone
	envSeeds = "MESHPRESENCE_SEEDS" // run so many
	envSlow  = "MESHPRESENCE_SLOW"  // run slowSeeds
	slow     = 100
)

// Slow reports whether long searches were asked for.
func Slow() bool { return os.Getenv(envSlow) != "" }

// Seeds are the seeds to run: few, unless the environment says otherwise.
func Seeds(t testing.TB, few int) []uint64 {
	t.Helper()
	if s := os.Getenv(envSeed); s != "" {
		return []uint64{number(t, envSeed, s)}
	}
	count := uint64(few)
	if Slow() {
		count = slow
	}
	if s := os.Getenv(envSeeds); s != "" {
		count = number(t, envSeeds, s)
	}
	seeds := make([]uint64, count)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds
}

func number(t testing.TB, name, value string) uint64 {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		t.Fatalf("%s is no number: %v", name, err)
	}
	return n
}

// Scenario runs a story on a fresh internet, in a bubble of its own, for each of a
// few seeds. A failure says how to repeat it.
func Scenario(t *testing.T, few int, story func(t *testing.T, n *Net)) {
	t.Helper()
	for _, seed := range Seeds(t, few) {
		t.Run("seed="+strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Cleanup(func() { sayHow(t, seed) })
			synctest.Test(t, func(t *testing.T) {
				n := New(seed)
				story(t, n)
				if n.Flooded() {
					t.Error("packets without end: more in a second than the simulator carries")
				}
			})
		})
	}
}

// sayHow prints what repeats a failure.
func sayHow(t *testing.T, seed uint64) {
	if !t.Failed() {
		return
	}
	commit := "unknown"
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	name := t.Name()[:strings.LastIndex(t.Name(), "/")]
	t.Logf("seed=%d commit=%s scenario=%s", seed, commit, name)
	t.Logf("repeat it: %s=%d go test -run '%s' ./testnet/sim", envSeed, seed, pattern(name))
}

// pattern matches a test's name and no other.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}
