package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"meshpresence/node/client"
)

// "PRESENCE_PROFILE, default; XDG configuration; macOS Application Support;
// Windows LocalAppData" (federation.md, Defaults).
func TestConfigDir(t *testing.T) {
	env := map[string]string{"HOME": "/home/u", "LocalAppData": "L"}
	look := func(name string) string { return env[name] }
	for _, c := range []struct{ system, xdg, want string }{
		{"linux", "", "/home/u/.config"},
		{"linux", "/x", "/x"},
		{"linux", "relative", "/home/u/.config"},
		{"openbsd", "/x", "/x"},
		{"darwin", "/x", "/home/u/Library/Application Support"},
		{"windows", "/x", "L"},
	} {
		env["XDG_CONFIG_HOME"] = c.xdg
		if got, err := configDir(c.system, look); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.system, got, err, c.want)
		}
	}
	if _, err := configDir("linux", func(string) string { return "" }); explain(err).code != exitUsage {
		t.Errorf("no HOME: %v", err)
	}
}

func TestProfileDir(t *testing.T) {
	dir := home(t)
	for given, want := range map[string]string{
		"default": filepath.Join(dir, ".config/presence/default"), "phone-2": filepath.Join(dir, ".config/presence/phone-2"),
		"./phone": "./phone", "/p": "/p", ".": ".", "..": "..", "": "!", "-x": "!", ".x": "!", "a b": "!", "é": "!", strings.Repeat("x", 65): "!",
	} {
		got, err := options{Profile: given}.profileDir()
		if (want == "!") != (err != nil) || err == nil && got != want {
			t.Errorf("%q: %q, %v, want %q", given, got, err, want)
		}
	}
}

// A tool that gives up removes the device it made, unless another tool went on
// with it: an account's only key may lie there.
func TestUnmake(t *testing.T) {
	for _, used := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "device")
		undo := unmake(dir)
		p, err := client.NewProfile(dir, "phone")
		if err != nil {
			t.Fatal(err)
		}
		if used {
			if err := os.WriteFile(filepath.Join(dir, "account.key"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		undo()
		if _, err := client.OpenProfile(p.Dir()); (err == nil) != used {
			t.Errorf("used %v: %v", used, err)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		`a`: {"a"}, ` a  b	c `: {"a", "b", "c"}, `a 'b c' "d e"`: {"a", "b c", "d e"},
		`a'b c'd`: {"ab cd"}, `a "" ''`: {"a", "", ""}, `a "say \"hi\""`: {"a", `say "hi"`}, `a b\ c`: {"a", "b c"},
		`sh -c 'echo "$X" \n'`: {"sh", "-c", `echo "$X" \n`}, `C:\bin\x.exe \\a`: {`C:\bin\x.exe`, `\a`}, `a $(b) ; c | d > e`: {"a", "$(b)", ";", "c", "|", "d", ">", "e"},
		``: nil, `   `: nil, `''`: nil, `a 'b`: nil, `a "b`: nil, `a "b\"`: nil,
	} {
		got, err := split(line)
		if (want == nil) != (err != nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestLife(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "12h": 12 * time.Hour, "7d": maxLife, "1d": 24 * time.Hour, "168h": maxLife,
		"0": 0, "8d": 0, "-1d": 0, "169h": 0, "1ms": 0, "d": 0, "99999999999999999999d": 0, "1.5d": 0, "": 0,
	} {
		var l life
		if err := l.UnmarshalText([]byte(text)); (err != nil) != (want == 0) || time.Duration(l) != want {
			t.Errorf("%q: %v, %v, want %v", text, time.Duration(l), err, want)
		}
	}
}

func TestEventLine(t *testing.T) {
	at := time.Date(2026, 5, 1, 18, 3, 22, 0, time.Local)
	for want, e := range map[string]client.Event{
		"2026-05-01 18:03:22  phone  main #12  dinner is ready":     {Name: "phone", Channel: "main", Sequence: 12, Data: []byte("dinner is ready\n"), Sealed: true},
		"2026-05-01 18:03:22  abcdefgh  house/door (clear)  open":   {Publisher: "abcdefghijkl", Channel: "house", Label: "door", Data: []byte("open")},
		`2026-05-01 18:03:22  \x1b[2J  a\nb #1  \a\xff\u202e` + `x`: {Name: "\x1b[2J", Channel: "a\nb", Sequence: 1, Data: []byte("\a\xff\u202ex"), Sealed: true},
	} {
		e.Time = at
		if got := eventLine(e); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestEventEnv(t *testing.T) {
	env := eventEnv(client.Event{Channel: "a\x00b", Label: "l", Name: "n", Publisher: "p", Hash: "h", Serial: 3, Time: time.Unix(0, 0), Sealed: true}, "/dir")
	want := []string{
		"PRESENCE_PROFILE=/dir", "PRESENCE_CHANNEL=ab", "PRESENCE_LABEL=l", "PRESENCE_SEQUENCE=0", "PRESENCE_SERIAL=3", "PRESENCE_PUBLISHER=p",
		"PRESENCE_NAME=n", "PRESENCE_TIME=1970-01-01T00:00:00Z", "PRESENCE_HASH=h", "PRESENCE_SEALED=true",
	}
	if !reflect.DeepEqual(env, want) {
		t.Errorf("got  %q\nwant %q", env, want)
	}
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if help := (*watch)(nil).Help(); !strings.Contains(help, name) {
			t.Errorf("watch --help does not name %s", name)
		}
	}
}

// A command that hangs is stopped, and what came after it goes on.
func TestHandlerIsBounded(t *testing.T) {
	var out safeBuffer
	h, err := newHandler("sleep 600", console{out: &out, err: &out})
	if err != nil {
		t.Skip(err)
	}
	h.limit = time.Millisecond
	if err := h.handle(client.Event{Channel: "main", Sequence: 1}, "/dir"); err == nil || !strings.HasSuffix(err.Error(), "for main #1: it was stopped after 1ms") {
		t.Errorf("got %v", err)
	}
	if h, err := newHandler("", console{}); h != nil || err != nil || h.handle(client.Event{}, "") != nil {
		t.Errorf("no command: %v, %v", h, err)
	}
}

func TestReadLine(t *testing.T) {
	for in, want := range map[string]string{"y\nrest": "y", "y": "y", "\n": "", "yes\r\n": "yes\r"} {
		if got, err := readLine(strings.NewReader(in)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", strings.Repeat("x", maxLine)} {
		if got, err := readLine(strings.NewReader(in)); err == nil {
			t.Errorf("%d bytes: %q", len(in), got)
		}
	}
}

func TestOneEach(t *testing.T) {
	got := oneEach([]string{"mpp://192.0.2.7:1/MA", "mpp://[::1]:1/MA", "mpp://192.0.2.8:1/MB"})
	if want := []string{"mpp://192.0.2.7:1/MA", "mpp://192.0.2.8:1/MB"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFold(t *testing.T) {
	if got, want := fold("one two three\nfour", 7), "one two\nthree\nfour"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nothing that others posted moves the cursor, rings or turns the writing
// around.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "plain", "tab\t", "\x1b[31m", "\xff\xfe", "\u202e", "\u0000", "日本", "a\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if r == unicode.ReplacementChar && !strings.ContainsRune(s, r) || !unicode.IsPrint(r) {
				t.Errorf("%q shows %q", s, r)
			}
		}
	})
}
