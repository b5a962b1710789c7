package key

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cheap makes passphrases quick in tests.
var cheap = cost{time: 1, memory: 64, threads: 1}

// roles saves and loads one key of each role; load returns its public bytes.
var roles = map[Role]struct {
	save func(path string) error
	load func(path string) (string, error)
	want string
}{
	RoleAccount: {
		func(p string) error { return testAccount.Save(p, nil) },
		func(p string) (string, error) { k, err := LoadAccount(p, nil); return loaded(k, err) },
		string(testAccount.Author()),
	},
	RoleRealm: {
		func(p string) error { return testRealm.Save(p, nil) },
		func(p string) (string, error) { k, err := LoadRealm(p, nil); return loaded(k, err) },
		string(testRealm.Author()),
	},
	RoleDevice: {
		testDevice.Save,
		func(p string) (string, error) { k, err := LoadDevice(p); return loaded(k, err) },
		string(testDevice.Author()),
	},
	RoleNode: {
		testNode.Save,
		func(p string) (string, error) { k, err := LoadNode(p); return loaded(k, err) },
		string(testNode.Author()),
	},
	RoleStatic: {
		testStatic.Save,
		func(p string) (string, error) {
			k, err := LoadStatic(p)
			if err != nil {
				return "", err
			}
			return string(k.Public()), nil
		},
		string(testStatic.Public()),
	},
	RoleSecret: {
		testSecret.Save,
		func(p string) (string, error) {
			s, err := LoadSecret(p)
			if err != nil {
				return "", err
			}
			return string(s[:]), nil
		},
		string(testSecret[:]),
	},
}

var (
	testAccount = must(AccountFromSeed(repeat(1, 57)))
	testRealm   = must(RealmFromSeed(repeat(2, 32)))
	testDevice  = must(DeviceFromSeed(repeat(3, 32)))
	testNode    = must(NodeFromSeed(repeat(4, 32)))
	testStatic  = must(StaticFromSeed(X448, repeat(5, 56)))
	testSecret  = Secret(repeat(6, 32))
)

func loaded(s Signer, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return string(s.Author()), nil
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for role, r := range roles {
		path := filepath.Join(dir, string(role))
		if _, err := r.load(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: before it is there: %v", role, err)
		}
		for range 2 { // and again over itself
			if err := r.save(path); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := r.load(path); err != nil || got != r.want {
			t.Errorf("%s: another key came back, %v", role, err)
		}
		if info := must(os.Stat(path)); ModesChecked && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", role, info.Mode())
		}
		// "Wrong kind of key in the file is refused with a clear error."
		for other, o := range roles {
			if _, err := o.load(path); other != role && (!errors.Is(err, ErrRole) || !strings.Contains(err.Error(), "it holds a "+string(role)+" key")) {
				t.Errorf("%s loaded as %s: %v", role, other, err)
			}
		}
	}
	if left := must(os.ReadDir(dir)); len(left) != len(roles) {
		t.Errorf("%d files are left in the directory", len(left))
	}
}

func TestFileModes(t *testing.T) {
	if !ModesChecked {
		t.Skip("modes say nothing here")
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := testDevice.Save(path); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]error{
		0o600: nil, 0o400: nil, 0o640: ErrMode, 0o620: ErrMode, 0o604: ErrMode, 0o602: ErrMode, 0o610: ErrMode, 0o644: ErrMode, 0o666: ErrMode,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDevice(path); !errors.Is(err, want) {
			t.Errorf("mode %v: %v, want %v", mode, err, want)
		}
	}
	// Saved again it is 0600 whatever it was.
	if err := testDevice.Save(path); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadDevice(path); err != nil {
		t.Error(err)
	}
}

func TestNotKeyFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadDevice(dir); !errors.Is(err, ErrFile) {
		t.Errorf("a directory: %v", err)
	}
	path := filepath.Join(dir, "key")
	if err := testDevice.Save(path); err != nil {
		t.Fatal(err)
	}
	good := string(must(os.ReadFile(path)))
	head, private, _ := strings.Cut(good, "private ")
	other := string(testNode.signing.file(RoleDevice).append(nil))
	otherHead, _, _ := strings.Cut(other, "private ")
	for name, text := range map[string]string{
		"empty":              "",
		"another format":     "-----BEGIN PRIVATE KEY-----\n",
		"no last LF":         good[:len(good)-1],
		"bytes after":        good + "\n",
		"no private line":    head,
		"no public line":     strings.Split(good, "\n")[0] + "\nprivate " + private,
		"out of order":       strings.Split(good, "\n")[0] + "\nprivate " + private + strings.Split(good, "\n")[1] + "\n",
		"CR LF":              strings.ReplaceAll(good, "\n", "\r\n"),
		"another public key": otherHead + "private " + private,
		"short private":      head + "private AAAA\n",
		"not base64":         head + "private $$$$\n",
		"padded base64":      head + "private " + strings.TrimSuffix(private, "\n") + "=\n",
		"too long":           good + strings.Repeat("#", maxFile),
		"loose bits":         strings.TrimSuffix(good, private) + private[:len(private)-2] + "B\n",
	} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDevice(path); !errors.Is(err, ErrFile) && !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "account.key")
	pass := []byte("correct horse")
	if err := testAccount.saveGuarded(path, RoleAccount, cheap, pass); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pass []byte
		want error
	}{
		"right": {pass, nil}, "none": {nil, ErrEncrypted}, "wrong": {[]byte("wrong"), ErrPassphrase}, "empty": {[]byte{}, ErrPassphrase},
	} {
		k, err := LoadAccount(path, c.pass)
		if !errors.Is(err, c.want) || err == nil && k.Author() != testAccount.Author() {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	text := must(os.ReadFile(path))
	if bytes.Contains(text, []byte("AQEBAQEB")) || !bytes.Contains(text, []byte("argon2id 1 64 1 ")) {
		t.Errorf("the file is\n%s", text)
	}
	// Role, public key, cost and salt are bound to what is sealed.
	realm := bytes.Replace(text, []byte("mpp-key/1 account"), []byte("mpp-key/1 realm"), 1)
	if err := WriteFile(path, realm); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRealm(path, pass); !errors.Is(err, ErrPassphrase) {
		t.Errorf("an account file as a realm's: %v", err)
	}
	for _, change := range [][2]string{{"argon2id 1 64 1", "argon2id 2 64 1"}, {"argon2id 1 64 1", "argon2id 1 65 1"}, {"public A", "public E"}} {
		if err := WriteFile(path, bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadAccount(path, pass); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q for %q: %v", change[1], change[0], err)
		}
	}
}

// A file from elsewhere asks for no more than we are ready to spend.
func TestCostBounds(t *testing.T) {
	for cost, ok := range map[cost]bool{
		usualCost: true, cheap: true, {1, 8, 1}: true, {maxTime, maxMemory, maxThreads}: true,
		{0, 64, 1}: false, {maxTime + 1, 64, 1}: false, {1, 64, 0}: false, {1, 1 << 20, maxThreads + 1}: false,
		{1, 7, 1}: false, {1, maxMemory + 1, 1}: false, {1<<32 - 1, 1<<32 - 1, 255}: false,
	} {
		f := testAccount.signing.file(RoleAccount)
		f.cost, f.salt, f.sealed, f.private = cost, repeat(1, saltSize), repeat(2, 97), nil
		if _, err := parseFile(f.append(nil)); (err == nil) != ok || err != nil && !errors.Is(err, ErrFile) {
			t.Errorf("%+v: %v", cost, err)
		}
	}
}

// The cost that people pay.
func TestUsualCost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "account.key")
	if err := testAccount.Save(path, []byte("passphrase")); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(must(os.ReadFile(path)), []byte("argon2id 3 65536 4 ")) {
		t.Error("the cost is not that of RFC 9106")
	}
}

// An account or realm key is never overwritten by another, and never written in
// clear by a slip.
func TestSaveGuards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "account.key")
	if err := testAccount.Save(path, []byte{}); !errors.Is(err, errEmptyPassphrase) || exists(path) {
		t.Errorf("empty passphrase: %v", err)
	}
	if err := testAccount.saveGuarded(path, RoleAccount, cheap, []byte("one")); err != nil {
		t.Fatal(err)
	}
	before := must(os.ReadFile(path))
	if err := must(NewAccount()).Save(path, nil); !errors.Is(err, ErrExists) {
		t.Errorf("another account: %v", err)
	}
	if err := testRealm.Save(path, nil); !errors.Is(err, ErrExists) {
		t.Errorf("a realm over an account: %v", err)
	}
	if !bytes.Equal(must(os.ReadFile(path)), before) {
		t.Error("a refused save changed the file")
	}
	if err := testAccount.saveGuarded(path, RoleAccount, cheap, []byte("two")); err != nil {
		t.Errorf("a new passphrase: %v", err)
	}
	if _, err := LoadAccount(path, []byte("two")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := testAccount.Save(path, nil); !errors.Is(err, ErrExists) {
		t.Errorf("over a file that is no key: %v", err)
	}
}

// FuzzKeyFile: what parses encodes to its own bytes, and opening it neither
// panics nor costs more than its bounds.
func FuzzKeyFile(f *testing.F) {
	for _, k := range []*file{
		testAccount.signing.file(RoleAccount), testNode.signing.file(RoleNode),
		{role: RoleStatic, public: testStatic.Public().Bytes(), private: repeat(5, 56)},
		{role: RoleSecret, private: testSecret[:]},
	} {
		f.Add(k.append(nil))
	}
	sealed := testRealm.signing.file(RoleRealm)
	if err := sealed.encrypt(cheap, []byte("passphrase")); err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseFile(b)
		if err != nil {
			return
		}
		if !bytes.Equal(k.append(nil), b) {
			t.Fatal("encodes to other bytes")
		}
		if k.salt != nil && (k.cost.memory > 1024 || k.cost.time > 2) {
			return
		}
		private, err := k.open([]byte("passphrase"))
		if err != nil {
			return
		}
		if s, err := newSigning(k.role, private); err == nil && !bytes.Equal(s.seed(), private) {
			t.Fatal("another private key")
		}
	})
}
