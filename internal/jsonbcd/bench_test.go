package jsonbcd

import (
	"strings"
	"testing"
)

// A heartbeat is the most frequent message there is: neither side may allocate for it.
func TestHeartbeatDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf = appendHeartbeat(buf[:0], 300) }); n != 0 {
		t.Errorf("writing allocates %v times", n)
	}
	read := func(r *Reader) {
		if serial, err := readHeartbeat(r); serial != 300 || err != nil {
			t.Errorf("read %d, %v", serial, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { read(NewReader(buf)) }); n != 0 {
		t.Errorf("reading with a new Reader allocates %v times", n)
	}
	var r Reader
	r.Unique = true
	if n := testing.AllocsPerRun(100, func() { r.Reset(buf); read(&r) }); n != 0 {
		t.Errorf("reading with Unique allocates %v times", n)
	}
}

// A signed body of as many members as any of ours, nested, is read without allocating.
func TestUniqueDoesNotAllocate(t *testing.T) {
	b := nested(fewNames/4, 4, -1)
	if n := testing.AllocsPerRun(100, func() {
		r := NewReader(b)
		r.Unique = true
		if err := r.Skip(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWriteHeartbeat(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendHeartbeat(buf[:0], 300)
	}
}

func BenchmarkReadHeartbeat(b *testing.B) {
	buf := appendHeartbeat(nil, 300)
	var r Reader
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(buf)
		if _, err := readHeartbeat(&r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewReader(b *testing.B) {
	buf := appendHeartbeat(nil, 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readHeartbeat(NewReader(buf)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSkip measures the worst inputs of each kind; assurance wants at most a millisecond for a KiB.
func BenchmarkSkip(b *testing.B) {
	for name, in := range map[string][]byte{
		"names":     nested(MaxMembers, 1, -1),
		"few names": []byte("[" + strings.Repeat(`{"a":1,"b":2}`, 1000) + "]"),
		"escapes":   []byte(`"` + strings.Repeat(`\u00e9`, 4000) + `"`),
		"chunks":    []byte(strings.Repeat("\x84\x01a", 8000) + "\x80\x00"),
		"inserts":   []byte("[\xc4\x01\x81\x02\x00" + strings.Repeat("a", 512) + strings.Repeat("\xc0\x01", 6) + "]"),
		"numbers":   []byte("[" + strings.Repeat("1234567890.5e3,", 1000) + "1]"),
		"data":      AppendBinary(nil, make([]byte, 16384)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var r Reader
			r.Unique = true
			for b.Loop() {
				r.Reset(in)
				if err := r.Skip(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
