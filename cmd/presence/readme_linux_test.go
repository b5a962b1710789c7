package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const (
	repository = "../.."
	walkTitle  = "## Five minutes by hand"
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

// The commands of the walk, as the README has them, each in a terminal: two
// nodes and three devices, and what one terminal shows typed into another.
func TestReadmeWalk(t *testing.T) {
	w := newWalk(t)
	node := w.open()
	node.sees("This is the first start.")

	invite := w.open()
	w.copies("CODE", invite, codeShown)
	other := w.open()
	compares(invite, other)
	other.sees("device address: mpp://")
	invite.ends(exitOK)

	create := w.open()
	for _, prompt := range []string{"Passphrase for the account's key: ", "The same once more: "} {
		create.secret(prompt, "correct horse")
	}
	if screen := create.ends(exitOK); !strings.Contains(screen, "account   ") || strings.Contains(screen, "horse") {
		t.Errorf("the passphrase shows, or the account does not:\n%s", screen)
	}
	phone := w.device()
	w.copies("ADDRESS", other, addressShown)
	tablet := w.device()
	if at := w.text["ADDRESS"]; !strings.Contains(tablet.screen.String(), at[strings.LastIndexByte(at, '/'):]) {
		t.Errorf("the tablet is not at %s:\n%s", at, tablet.screen)
	}

	// With two homes, one that has not confirmed within a second is told.
	for _, says := range []string{"main #1", "main/door"} {
		w.says(says, exitOK, exitLess)
	}
	for _, watching := range []*window{phone, tablet} {
		watching.sees("main #1  dinner is ready")
		watching.sees("main/door  open")
	}
	for _, says := range []string{"kept at", "tablet", "connected"} {
		w.says(says, exitOK)
	}
	for _, watching := range []*window{phone, tablet} {
		watching.types(ctrlC)
		watching.ends(exitOK)
	}
	for _, n := range []*window{other, node} {
		n.types(ctrlC)
		n.ends(exitOK)
	}
	w.ended()
}

// walk types the lines of the README's walk, one after the other.
type walk struct {
	t     *testing.T
	lines []string
	text  map[string]string // what stands for a word of the README
	run   func(line string) *window
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	_, text, found := strings.Cut(readme(t), walkTitle)
	if !found {
		t.Fatal("the README has no walk")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	w := &walk{t: t, text: map[string]string{}, run: walker(t)}
	for _, block := range blocks(text) {
		w.lines = append(w.lines, block...)
	}
	return w
}

// open types the next line into a terminal of its own.
func (w *walk) open() *window {
	w.t.Helper()
	if len(w.lines) == 0 {
		w.t.Fatal("the walk ends too early")
	}
	line := w.lines[0]
	w.lines = w.lines[1:]
	for word, text := range w.text {
		line = strings.ReplaceAll(line, word, text)
	}
	return w.run(line)
}

// says types the next line, which ends by itself with a word on its screen.
func (w *walk) says(word string, codes ...int) {
	w.t.Helper()
	if screen := w.open().ends(codes...); !strings.Contains(screen, word) {
		w.t.Errorf("%q does not stand on the screen:\n%s", word, screen)
	}
}

// ended is the end of the walk: no line is left.
func (w *walk) ended() {
	w.t.Helper()
	if len(w.lines) > 0 {
		w.t.Errorf("nobody typed %q", w.lines)
	}
}

// What a person copies from a screen.
var (
	codeShown    = regexp.MustCompile(`(mpp-join:\S+)\s`)
	addressShown = regexp.MustCompile(`device address: (\S+)\s`)
)

// copies waits until a screen shows what a word of the README stands for, and
// takes it.
func (w *walk) copies(word string, from *window, shown *regexp.Regexp) {
	w.t.Helper()
	w.text[word] = from.shows(shown)
}

// device lets a device in by a code, and returns what watches on it: four lines
// of the walk, one at the account's side.
func (w *walk) device() *window {
	w.t.Helper()
	add := w.open()
	add.secret("Passphrase of the account's key: ", "correct horse")
	w.copies("CODE", add, codeShown)
	join := w.open()
	compares(add, join)
	add.ends(exitOK)
	join.ends(exitOK)
	watching := w.open()
	watching.sees("watching every channel at mpp://")
	return watching
}

// fingerprintShown is a fingerprint on a line of its own.
var fingerprintShown = regexp.MustCompile(`\n\s+(M[A-Z2-7-]{33})\s*\n`)

// compares is the person between two screens: the inviter's asks about the
// fingerprint that the newcomer's shows.
func compares(inviter, newcomer *window) {
	inviter.t.Helper()
	own := newcomer.shows(fingerprintShown)
	inviter.sees("[y/N] ")
	if told := inviter.shows(fingerprintShown); told != own {
		inviter.t.Fatalf("the newcomer shows %s, the inviter %s", own, told)
	}
	inviter.types("y\r")
}

// walker builds the two commands and returns what opens a terminal for a line
// of the README: with the binary for go run, free ports on loopback for the
// usual ones, and directories of the test's own for the usual ones.
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
	places := strings.NewReplacer("go run ./cmd/", dir+"/", " :6780", " 127.0.0.1:0", " :6781", " 127.0.0.1:0")
	env := append(os.Environ(),
		"HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"PRESENCE_PROFILE=default", "PRESENCE_NODE=", "PRESENCED_ADMIN=", "PRESENCED_MDNS=false",
		// Root's usual place is the machine's own, which a test leaves alone.
		"PRESENCED_STATE="+filepath.Join(dir, "state", "presenced"),
		"PRESENCED_LISTEN=127.0.0.1:0", "PRESENCED_PEER_LISTEN=127.0.0.1:0",
	)
	return func(line string) *window {
		t.Helper()
		if !strings.HasPrefix(line, "go run ./cmd/") {
			t.Fatalf("the walk runs %q", line)
		}
		return openWindow(t, places.Replace(line), env)
	}
}

// The two commands stand on the first screen, and every command of the README
// names something that is there.
func TestReadmeCommands(t *testing.T) {
	text := readme(t)
	screen := strings.Join(strings.SplitAfter(text, "\n")[:24], "")
	if first := blocks(screen); len(first) != 2 || first[0][0] != "go run ./testnet" || first[1][0] != "go test ./..." {
		t.Errorf("the first screen has %q", first)
	}
	makefile := fileText(t, filepath.Join(repository, "Makefile"))
	compose := fileText(t, filepath.Join(repository, "testnet", "docker", "compose.yaml"))
	for _, block := range blocks(text) {
		for _, line := range block {
			words := strings.Fields(line)
			if args, ok := ours(line); ok {
				parses(t, args)
				continue
			}
			switch {
			case line == "go test ./...", line == "go install ./cmd/presence ./cmd/presenced":
			case words[0] == "presenced":
			case words[0] == "docker":
				container := strings.Split(words[len(words)-1], "_")
				if len(container) != 3 || !strings.Contains(compose, "\n  "+container[1]+":\n") {
					t.Errorf("%s: there is no such container", line)
				}
			case len(words) > 2 && words[0] == "go" && words[1] == "run", len(words) == 2 && words[0] == "bash":
				path := words[len(words)-1]
				if words[0] == "go" {
					path = words[2]
				}
				if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case len(words) == 2 && words[0] == "make" && strings.Contains(makefile, "\n"+words[1]+":"):
			default:
				t.Errorf("nothing is known of %q", line)
			}
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > helpWidth+1 && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "go run") && !strings.HasPrefix(line, "presence") {
			t.Errorf("wider than %d: %s", helpWidth, line)
		}
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ours are the arguments of a line that runs presence.
func ours(line string) (args []string, ok bool) {
	for _, command := range []string{"go run ./cmd/presence", "presence"} {
		if rest, ok := strings.CutPrefix(line, command+" "); ok {
			args, err := split(rest)
			return args, err == nil
		}
	}
	return nil, false
}

// parses holds a line of the README to the grammar, without running it.
func parses(t *testing.T, args []string) {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.ExplicitGroups([]kong.Group{common}), kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("presence %q: %v", args, err)
	}
}
