package wire

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// The examples of reference.md 6.1 and the steps from one length of the count to
// the next.
func TestCounts(t *testing.T) {
	for v, want := range map[uint64]string{
		0: "0000", 168: "00a8", 255: "00ff", 256: "010100", 335: "01014f", 65535: "01ffff",
		65536: "0200010000", math.MaxUint32: "02ffffffff", 1 << 32: "030000000100000000", math.MaxUint64: "03ffffffffffffffff",
	} {
		b := AppendInteger(nil, v)
		if got := fmt.Sprintf("%x", b); got != want {
			t.Errorf("%d is written %s, want %s", v, got, want)
		}
		got, rest, err := ReadInteger(append(b, 7))
		if got != v || len(rest) != 1 || err != nil {
			t.Errorf("%d is read %d, %x, %v", v, got, rest, err)
		}
		for n := range b {
			if _, _, err := ReadInteger(b[:n]); err != ErrTLV {
				t.Errorf("%d cut to %d: %v", v, n, err)
			}
		}
	}
	if got := fmt.Sprintf("%x", AppendString(nil, "X448")); got != "100458343438" {
		t.Errorf("X448 is written %s", got)
	}
	if got := AppendBinary(nil, make([]byte, 300)); !bytes.HasPrefix(got, []byte{0x21, 0x01, 0x2c}) || len(got) != 303 {
		t.Errorf("300 bytes are written %x...", got[:4])
	}
}

// Only the shortest count is read.
func TestLongCounts(t *testing.T) {
	for _, b := range []string{
		"\x01\x00\xff", "\x02\x00\x00\xff\xff", "\x03\x00\x00\x00\x00\xff\xff\xff\xff", "\x01\x00\x00", "\x04\x00", "\x10\x00",
	} {
		if _, _, err := ReadInteger([]byte(b)); err != ErrTLV {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestIsZero(t *testing.T) {
	for n := range 40 {
		b := make([]byte, n)
		if !IsZero(b) {
			t.Errorf("%d zeros are not", n)
		}
		for at := range b {
			b[at] = 0x80
			if IsZero(b) {
				t.Errorf("byte %d of %d is not seen", at, n)
			}
			b[at] = 0
		}
	}
}

func TestCheckExtensions(t *testing.T) {
	many := make([]Extension, MaxExtensions)
	for n := range many {
		many[n].Tag = strings.Repeat("x", n+1)
	}
	if err := CheckExtensions(many); err != nil {
		t.Errorf("sixteen: %v", err)
	}
	if err := CheckExtensions(nil); err != nil {
		t.Errorf("none: %v", err)
	}
	for name, list := range map[string][]Extension{
		"seventeen": append(many, Extension{Tag: "y"}),
		"twice":     {{Tag: "a"}, {Tag: "b"}, {Tag: "a"}},
		"no tag":    {{Value: []byte{1}}},
		"not UTF-8": {{Tag: "\xff"}},
	} {
		if CheckExtensions(list) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestExtensionsGet(t *testing.T) {
	list, rest, err := ParseExtensions(AppendExtensions(nil, []Extension{{"a", []byte{1}}, {"ab", nil}}))
	if err != nil || len(rest) != 0 || list.IsEmpty() {
		t.Fatal(list, rest, err)
	}
	if v, ok := list.Get("a"); !ok || !bytes.Equal(v, []byte{1}) {
		t.Errorf("a is %x, %v", v, ok)
	}
	if v, ok := list.Get("ab"); !ok || len(v) != 0 {
		t.Errorf("ab is %x, %v", v, ok)
	}
	for _, tag := range []string{"", "b", "abc"} {
		if _, ok := list.Get(tag); ok {
			t.Errorf("%q is there", tag)
		}
	}
	if _, ok := Extensions(nil).Get("a"); ok || !Extensions(nil).IsEmpty() {
		t.Error("the nil list is not empty")
	}
	clone := list.Clone()
	list[2] ^= 0xff
	if _, ok := clone.Get("a"); !ok {
		t.Error("the clone aliases the packet")
	}
}
