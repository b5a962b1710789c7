package access

import (
	"errors"
	"strings"
	"testing"

	"meshpresence/discovery"
	"meshpresence/internal/key"
)

// signerOf makes an Ed25519 key of one byte repeated.
func signerOf(t testing.TB, b byte) *key.Account {
	t.Helper()
	k, err := key.AccountFromSeed([]byte(strings.Repeat(string([]byte{b}), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCodeAsItIsTyped(t *testing.T) {
	code := NewCode(signerOf(t, 1).Author())
	shown := code.String()
	if groups := strings.Split(shown, "-"); len(groups) != 8 || len(shown) != 39 {
		t.Fatalf("a code of %d groups and %d characters", len(groups), len(shown))
	}
	for _, typed := range []string{
		shown, strings.ToLower(shown), strings.ReplaceAll(shown, "-", ""), strings.ReplaceAll(shown, "-", " "),
		"  " + shown + "\n", strings.ReplaceAll(shown, "-", " - "),
	} {
		if got, err := ParseCode(typed); err != nil || got != code {
			t.Errorf("typed as %d characters: %v", len(typed), err)
		}
	}
	if other := NewCode(signerOf(t, 1).Author()); other == code || other.ID() == code.ID() {
		t.Error("two codes of one key are the same")
	}
}

func TestWhatIsNoCode(t *testing.T) {
	code := NewCode(signerOf(t, 1).Author()).String()
	for _, typed := range []string{
		"", "-", code[:38], code + "A", code[:38] + "0", code[:38] + "1", code[:38] + "=", "é" + code[2:],
		strings.Repeat(" ", 200) + code, code + code,
	} {
		if _, err := ParseCode(typed); !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v, want ErrCode", typed, err)
		}
		if _, _, err := ParseJoin(typed); !errors.Is(err, ErrCode) && strings.TrimSpace(typed) != code {
			t.Errorf("%q: %v, want ErrCode", typed, err)
		}
	}
}

// "the pasted and QR form mpp-join:CODE@host:port/FINGERPRINT names and pins it."
func TestJoinText(t *testing.T) {
	code := NewCode(signerOf(t, 1).Author())
	for _, s := range []string{
		"mpp://192.0.2.7:6770/MAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", "mpp://[2001:db8::1]:1/MAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA",
		"mpp://node.example.com:6770/MAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA",
	} {
		at, err := discovery.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		text := JoinText(code, at)
		if !strings.HasPrefix(text, "mpp-join:"+code.String()+"@") {
			t.Errorf("the text begins %q", text[:9])
		}
		for _, pasted := range []string{text, " " + text + "\n", strings.ToUpper(text), strings.ToLower(text)} {
			if got, node, err := ParseJoin(pasted); err != nil || got != code || node != at {
				t.Errorf("%s: %v", pasted, err)
			}
		}
	}
	if got, node, err := ParseJoin(code.String()); err != nil || got != code || node != (discovery.Address{}) {
		t.Errorf("a bare code: %v at %v", err, node)
	}
	for _, bad := range []string{"mpp-join:", "mpp-join:" + code.String(), "mpp-join:" + code.String() + "@", "mpp-join:@192.0.2.7:1",
		"mpp-join:" + code.String() + "@192.0.2.7:6770", "mpp-join:AAAA@192.0.2.7:1/MAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"} {
		if _, _, err := ParseJoin(bad); !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v, want ErrCode", bad, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(NewCode(signerOf(f, 1).Author()).String())
	f.Add("aaaa bbbb cccc dddd eeee ffff gggg hhhh")
	f.Add("0189")
	f.Fuzz(func(t *testing.T, s string) {
		code, err := ParseCode(s)
		if err != nil {
			if !errors.Is(err, ErrCode) || code != (Code{}) {
				t.Errorf("error %v with a code", err)
			}
			return
		}
		if again, err := ParseCode(code.String()); err != nil || again != code {
			t.Errorf("what was read prints as another code: %v", err)
		}
	})
}

func FuzzParseJoin(f *testing.F) {
	code := NewCode(signerOf(f, 1).Author())
	f.Add("mpp-join:" + code.String() + "@192.0.2.7:6770/MAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA")
	f.Add("MPP-JOIN:" + code.String() + "@[fe80::1%25eth0]:6770/maaa")
	f.Add(code.String())
	f.Add("mpp-join:@/")
	f.Fuzz(func(t *testing.T, s string) {
		code, node, err := ParseJoin(s)
		if err != nil {
			if !errors.Is(err, ErrCode) {
				t.Errorf("error %v", err)
			}
			return
		}
		if node == (discovery.Address{}) {
			return
		}
		if again, at, err := ParseJoin(JoinText(code, node)); err != nil || again != code || at != node {
			t.Errorf("what was read prints as something else: %v", err)
		}
	})
}
