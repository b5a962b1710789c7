package main

import (
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// What stands on the screen are the code's modules with a white border of four,
// small enough for a usual terminal.
func TestQRLines(t *testing.T) {
	const text = "mpp-join:ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567@192.168.178.123:6770/MDAB-CDEF-GHIJ-KLMN-OPQR-STUV-WXYZ"
	lines, err := qrLines(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.L, qr.Unicode)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Bounds().Dx()
	if qrWidth(lines) != size+2*quiet || qrWidth(lines) > 60 || len(lines) != (size+2*quiet+1)/2 {
		t.Fatalf("%d columns and %d lines for %d modules", qrWidth(lines), len(lines), size)
	}
	for i, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, qrColours), qrPlain)
		for x, r := range []rune(line) {
			upper, lower := r == '▀' || r == '█', r == '▄' || r == '█'
			if upper != dark(code, x-quiet, 2*i-quiet) || lower != dark(code, x-quiet, 2*i+1-quiet) {
				t.Fatalf("line %d, column %d shows %q", i, x, r)
			}
		}
	}
	if _, err := qrLines(strings.Repeat("x", 3000)); err == nil {
		t.Error("what no code can hold was drawn")
	}
}
