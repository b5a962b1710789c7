package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	repository = "../.."
	walkTitle  = "## Five minutes by hand"
	walkPort   = ":6770"
)

// readme is the README's text.
func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var fenced = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// blocks are the lines of each fenced block of shell commands.
func blocks(text string) (list [][]string) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		list = append(list, strings.Split(strings.TrimSpace(m[1]), "\n"))
	}
	return list
}

// The commands of the walk, as the README has them, each in a terminal: the
// node runs in the first, the second makes the account and watches, the third
// publishes.
func TestReadmeWalk(t *testing.T) {
	_, walk, found := strings.Cut(readme(t), walkTitle)
	walk, _, _ = strings.Cut(walk, "\n## ")
	terminals := blocks(walk)
	if !found || len(terminals) != 3 || len(terminals[0]) != 1 || len(terminals[1]) != 2 {
		t.Fatalf("the walk is not in three terminals: %q", terminals)
	}
	open := walker(t)

	daemon := open(terminals[0][0])
	daemon.sees("device address: mpp://")

	create := open(terminals[1][0])
	for _, prompt := range []string{"Passphrase for the account's key: ", "The same once more: "} {
		create.sees(prompt)
		create.mute()
		create.types("correct horse\r")
	}
	if screen := create.ends(exitOK); !strings.Contains(screen, "account   ") || strings.Contains(screen, "horse") {
		t.Errorf("the passphrase shows, or the account does not:\n%s", screen)
	}
	watching := open(terminals[1][1])
	watching.sees("watching every channel at mpp://127.0.0.1:")

	for _, line := range terminals[2] {
		open(line).ends(exitOK)
	}
	watching.sees("main #1  dinner is ready")
	watching.sees("main/door  open")
	watching.types(ctrlC)
	watching.ends(exitOK)
	daemon.types(ctrlC)
	daemon.ends(exitOK)
}

// walker builds the two commands and returns what opens a terminal for a line
// of the README: with the binary for go run, a free port for the usual one, and
// directories of the test's own for the usual ones.
func walker(t *testing.T) func(line string) *window {
	t.Helper()
	if testing.Short() {
		t.Skip("builds both commands")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/presence", "./cmd/presenced")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	port := freePort(t)
	env := append(os.Environ(),
		"HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"PRESENCE_PROFILE=default", "PRESENCE_NODE=", "PRESENCED_STATE="+filepath.Join(dir, "state", "presenced"),
		"PRESENCED_LISTEN=127.0.0.1"+port, "PRESENCED_PEER_LISTEN=127.0.0.1:0",
		"PRESENCED_ACCOUNTS=open", // the walk is about one machine
	)
	return func(line string) *window {
		t.Helper()
		if !strings.HasPrefix(line, "go run ./cmd/") {
			t.Fatalf("the walk runs %q", line)
		}
		line = strings.Replace(line, "go run ./cmd/", dir+"/", 1)
		return openWindow(t, strings.ReplaceAll(line, walkPort, port), env)
	}
}

// freePort is a UDP port that nobody had a moment ago, as :PORT.
func freePort(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return fmt.Sprintf(":%d", socket.LocalAddr().(*net.UDPAddr).Port)
}

// The two commands stand on the first screen, and every command of the README
// names something that is there.
func TestReadmeCommands(t *testing.T) {
	text := readme(t)
	screen := strings.Join(strings.SplitAfter(text, "\n")[:24], "")
	if first := blocks(screen); len(first) != 2 || first[0][0] != "go run ./testnet" || first[1][0] != "go test ./..." {
		t.Errorf("the first screen has %q", first)
	}
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks(text) {
		for _, line := range block {
			words := strings.Fields(line)
			switch {
			case line == "go test ./...":
			case len(words) > 2 && words[0] == "go" && words[1] == "run", len(words) == 2 && words[0] == "bash":
				path := words[len(words)-1]
				if words[0] == "go" {
					path = words[2]
				}
				if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case len(words) == 2 && words[0] == "make" && strings.Contains(string(makefile), "\n"+words[1]+":"):
			default:
				t.Errorf("nothing is known of %q", line)
			}
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > helpWidth+1 && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "go run") {
			t.Errorf("wider than %d: %s", helpWidth, line)
		}
	}
}
