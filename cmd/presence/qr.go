package main

import (
	"fmt"
	"image"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the white border around a QR code, in modules (ISO/IEC 18004 asks
// for four).
const quiet = 4

// Two modules share a character: the upper half's colour is the foreground. The
// colours are said outright, since a terminal may be dark or light and not every
// camera reads a code turned inside out.
const (
	qrColours = "\x1b[38;5;16;48;5;231m"
	qrPlain   = "\x1b[0m"
)

// qrLines draws a QR code of text for a terminal, a line for two rows of
// modules. Level L: nobody folds or soils a screen, and a smaller code fits it.
func qrLines(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.L, qr.Unicode)
	if err != nil {
		return nil, fmt.Errorf("drawing a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var lines []string
	for y := -quiet; y < size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < size+quiet; x++ {
			b.WriteString(halves[dark(code, x, y)][dark(code, x, y+1)])
		}
		lines = append(lines, qrColours+b.String()+qrPlain)
	}
	return lines, nil
}

// qrWidth is how many columns lines of qrLines take.
func qrWidth(lines []string) int {
	return len([]rune(lines[0])) - len(qrColours) - len(qrPlain)
}

// halves is the character for an upper and a lower module.
var halves = map[bool]map[bool]string{
	false: {false: " ", true: "▄"},
	true:  {false: "▀", true: "█"},
}

// dark reports whether a module is dark; outside the code none is.
func dark(code image.Image, x, y int) bool {
	if !(image.Point{X: x, Y: y}).In(code.Bounds()) {
		return false
	}
	r, _, _, _ := code.At(x, y).RGBA()
	return r == 0
}
