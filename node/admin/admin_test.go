package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshpresence/node/mpp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a node that answers what the test says.
type fake struct {
	invite   Invite
	overview Overview
	numbers  Numbers
	err      error // of every verb
}

func (f *fake) Invite(context.Context) (Invite, error)     { return f.invite, f.err }
func (f *fake) Overview(context.Context) (Overview, error) { return f.overview, f.err }
func (f *fake) Health(context.Context) error               { return f.err }
func (f *fake) Numbers(context.Context) (Numbers, error)   { return f.numbers, f.err }

// shortDir is a directory whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "adm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve answers for a node until the test ends and returns the socket's path.
func serve(t *testing.T, node Node) string {
	t.Helper()
	path := filepath.Join(shortDir(t), SocketName)
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(node, NewMetrics("test", time.Now()), quiet())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return path
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestAsksAndAnswers(t *testing.T) {
	heard := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	node := &fake{
		invite: Invite{Code: "ABCD-EFGH", Text: "mpp-join:ABCD", Expires: heard},
		overview: Overview{
			Version: "v", Started: heard, Node: "n", Realm: "r", Fingerprint: "M", DeviceAddresses: []string{"d"}, PeerAddresses: []string{"p"},
			State: "/s", Admission: "code", Accounts: 1, Facts: 2, Devices: 3, Clock: Clock{Now: heard},
			Members: []Member{{Node: "n", Self: true, Addresses: []string{}}, {Node: "o", Connected: true, LastHeard: &heard, Addresses: []string{"a"}}},
		},
	}
	c := dial(t, serve(t, node))
	invite, err := c.Invite(testContext(t))
	node.invite.Schema = SchemaInvite
	if err != nil || invite != node.invite {
		t.Errorf("invite: %+v, %v", invite, err)
	}
	overview, err := c.Overview(testContext(t))
	node.overview.Schema = SchemaOverview
	if err != nil || !reflect.DeepEqual(overview, node.overview) {
		t.Errorf("overview: %+v, %v", overview, err)
	}
	if err := c.Health(testContext(t)); err != nil {
		t.Errorf("health: %v", err)
	}
}

// raw asks over the socket and returns the status and the whole body.
func raw(t *testing.T, path, method, target string) (int, string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, method+" "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// "JSON answers carry schema, unknown is null": the members are a promise.
func TestAnswersAsWritten(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	path := serve(t, &fake{
		invite:   Invite{Code: "C", Text: "T", Expires: at},
		overview: Overview{Started: at, Clock: Clock{Now: at}, Members: []Member{{Node: "n", Addresses: []string{}}}},
	})
	for target, want := range map[string]string{
		"POST /invite": `{"schema":"presence.invite/1","code":"C","text":"T","expires":"2026-07-01T12:00:00Z"}`,
		"GET /health":  `{"schema":"presence.health/1","reason":null}`,
		"GET /overview": `{"schema":"presence.node/1","version":"","started":"2026-07-01T12:00:00Z","node":"","realm":"","fingerprint":"",` +
			`"device_addresses":null,"peer_addresses":null,"state":"","realm_key":"","admission":"","accounts":0,"facts":0,"devices":0,` +
			`"members":[{"node":"n","fingerprint":"","addresses":[],"self":false,"connected":false,"expelled":false,"last_heard":null}],` +
			`"clock":{"now":"2026-07-01T12:00:00Z","off":null}}`,
	} {
		method, at, _ := strings.Cut(target, " ")
		if status, body := raw(t, path, method, at); status != http.StatusOK || body != want+"\n" {
			t.Errorf("%s: %d %s\nwant %s", target, status, body, want)
		}
	}
	for target, want := range map[string]int{"GET /invite": 405, "POST /health": 405, "GET /": 404, "GET /debug/pprof/": 404} {
		method, at, _ := strings.Cut(target, " ")
		if status, _ := raw(t, path, method, at); status != want {
			t.Errorf("%s: %d, want %d", target, status, want)
		}
	}
}

func TestSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{errors.New("the disk is full"), http.StatusInternalServerError},
		{ErrStopping, http.StatusServiceUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
	} {
		client := dial(t, serve(t, &fake{err: c.err}))
		_, err := client.Invite(testContext(t))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Status != c.status || refusal.Text != c.err.Error() {
			t.Errorf("%v: invite says %v", c.err, err)
		}
		err = client.Health(testContext(t))
		if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.Text != c.err.Error() {
			t.Errorf("%v: health says %v", c.err, err)
		}
		text, err := client.Metrics(testContext(t))
		if err != nil || !strings.Contains(text, "\nmeshpresence_healthy 0\n") {
			t.Errorf("%v: metrics of a node that does not answer: %v\n%s", c.err, err, text)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	dir := shortDir(t)
	if _, err := Dial(filepath.Join(dir, "none.sock")); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := Dial(stale(t, dir)); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("a dead daemon's socket: %v", err)
	}
	path := serve(t, &fake{})
	c := dial(t, path)
	if err := c.Health(testContext(t)); err != nil {
		t.Errorf("health: %v", err)
	}
}

// Every metric there is is in the package's documentation, with its labels and
// the words of its help, and nothing else is.
func TestMetricsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for line := range strings.Lines(string(source)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "//\t"+prefix)
		if !ok {
			continue
		}
		name, help, _ := strings.Cut(line, " ")
		documented[name] = strings.TrimSpace(help)
	}
	m := NewMetrics("v1", time.Unix(1, 0))
	off := 1.5
	now := &snapshot{m, Numbers{
		ClockOff: &off, Devices: map[string]int{"watching": 1}, Datagrams: map[string]uint64{"sent": 1}, Handshakes: map[string]uint64{"completed": 1}, Gossip: map[string]uint64{"ignored": 1},
	}, true}
	m.registry.MustRegister(now)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name, ok := strings.CutPrefix(f.GetName(), prefix)
		if !ok {
			t.Errorf("%s is not ours", f.GetName())
		}
		for _, l := range f.GetMetric()[0].GetLabel() {
			name += "{" + l.GetName() + "}"
		}
		if help, ok := documented[name]; !ok || help != f.GetHelp() {
			t.Errorf("%s is documented as %q, its help is %q", name, help, f.GetHelp())
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%s is documented and is no metric", name)
	}
}

func TestCounts(t *testing.T) {
	m := NewMetrics("v1", time.Unix(1, 0))
	if n := testing.AllocsPerRun(100, func() {
		m.Refused(mpp.CodeQuota)
		m.Refused(mpp.Code(999))
		m.Notified(NotifiedSent, 2)
		m.Committed(CommittedOK, time.Millisecond)
	}); n != 0 {
		t.Errorf("counting allocates %v times", n)
	}
	path := filepath.Join(shortDir(t), SocketName)
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(&fake{numbers: Numbers{Connections: 3, Datagrams: map[string]uint64{"sent": 7}}}, m, quiet())
	defer s.Close()
	text, err := dial(t, path).Metrics(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`meshpresence_info{version="v1"} 1`,
		`meshpresence_start_time_seconds 1`,
		`meshpresence_healthy 1`,
		`meshpresence_connections 3`,
		`meshpresence_datagrams_total{outcome="sent"} 7`,
		`meshpresence_refusals_total{code="quota"} 101`,
		`meshpresence_refusals_total{code="unknown"} 101`,
		`meshpresence_refusals_total{code="revoked"} 0`,
		`meshpresence_notifications_total{outcome="sent"} 202`,
		`meshpresence_store_commits_total{outcome="ok"} 101`,
		`meshpresence_store_commit_seconds_count 101`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, "clock_offset") {
		t.Error("a clock that nobody could compare has an offset")
	}
}

// "State: /var/lib/presenced as root, else the XDG state directory"
// (federation.md, Defaults).
func TestStateDir(t *testing.T) {
	env := map[string]string{"HOME": "/home/u", "LocalAppData": `L`}
	look := func(name string) string { return env[name] }
	for _, c := range []struct {
		system string
		root   bool
		xdg    string
		want   string
	}{
		{"linux", true, "/x", "/var/lib/presenced"},
		{"linux", false, "/x", "/x/presenced"},
		{"linux", false, "relative", "/home/u/.local/state/presenced"},
		{"freebsd", false, "", "/home/u/.local/state/presenced"},
		{"darwin", true, "", "/Library/Application Support/presenced"},
		{"darwin", false, "", "/home/u/Library/Application Support/presenced"},
		{"windows", false, "", filepath.Join("L", "presenced")},
	} {
		env["XDG_STATE_HOME"] = c.xdg
		if got, err := StateDir(c.system, c.root, look); err != nil || got != c.want {
			t.Errorf("%s, root %v: %q, %v, want %q", c.system, c.root, got, err, c.want)
		}
	}
	if _, err := StateDir("linux", false, func(string) string { return "" }); err == nil {
		t.Error("a place was found without HOME")
	}
}

func TestUsualSockets(t *testing.T) {
	env := map[string]string{"HOME": "/home/u"}
	look := func(name string) string { return env[name] }
	for _, c := range []struct {
		system string
		root   bool
		admin  string
		state  string
		want   []string
	}{
		{"linux", true, "", "", []string{"/var/lib/presenced/admin.sock"}},
		{"linux", false, "", "", []string{"/home/u/.local/state/presenced/admin.sock", "/var/lib/presenced/admin.sock"}},
		{"linux", false, "", "/state", []string{"/state/admin.sock"}},
		{"linux", false, "/run/p.sock", "/state", []string{"/run/p.sock"}},
		{"linux", false, "none", "/state", []string{"/state/admin.sock"}},
		{"darwin", false, "", "", []string{"/home/u/Library/Application Support/presenced/admin.sock", "/Library/Application Support/presenced/admin.sock"}},
	} {
		env["PRESENCED_ADMIN"], env["PRESENCED_STATE"] = c.admin, c.state
		if got := usualSockets(c.system, c.root, look); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
