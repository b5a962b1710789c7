package lab_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshpresence/testnet/lab"
)

func TestMain(m *testing.M) {
	lab.Main()
	finish := sweep()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		finish()
		os.Exit(code)
	}))
}

const (
	// alone says that the test runs in a network namespace of its own.
	alone = "LAB_ALONE"
	// patience bounds a test that hangs, on a machine that is busy.
	patience = 6 * time.Minute
)

// inNamespace runs the test once more, in a fresh network namespace, and reports
// whether this is that run; env adds to its environment.
func inNamespace(t *testing.T, env func() []string) bool {
	t.Helper()
	if os.Getenv(alone) == t.Name() {
		return true
	}
	if os.Getenv("MESHPRESENCE_LAB") == "" {
		t.Skip("makes network namespaces: set MESHPRESENCE_LAB=1, as root")
	}
	if os.Geteuid() != 0 {
		t.Skip("makes network namespaces and moves interfaces between them: needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("makes network namespaces with the ip command: %v", err)
	}
	added := env()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(append(os.Environ(), alone+"="+t.Name()), added...)
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	var out bytes.Buffer
	again.Stdout, again.Stderr = &out, &out
	if err := again.Start(); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	err := again.Wait()
	if err == nil && strings.Contains(out.String(), "--- SKIP: "+t.Name()) {
		t.Skip(out.String())
	}
	if err != nil {
		t.Fatalf("in its own network namespace: %v\n%s", err, &out)
	}
	t.Log(out.String())
	return false
}
