package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// row is one number of ours beside a peer's. Ratio is ours by the peer's.
type row struct {
	Name     string  `json:"name"`
	Ours     float64 `json:"ours"`
	Peer     float64 `json:"peer,omitempty"`
	PeerName string  `json:"peer_name,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
	Unit     string  `json:"unit"`
	Skip     string  `json:"skip,omitempty"` // why there is no number, or none of the peer's
	Note     string  `json:"note,omitempty"`
}

// against fills in the peer's number.
func (r row) against(name string, peer float64) row {
	r.PeerName, r.Peer = name, peer
	if peer != 0 {
		r.Ratio = r.Ours / peer
	}
	return r
}

// report is where rows and remarks go.
type report struct {
	row func(row)
	say func(format string, args ...any)
}

// newTable prints rows as they come, in columns of one width.
func newTable(out io.Writer) report {
	const columns = "%-50s %9s  %-17s %5s  %-25s %s\n"
	headed := false
	return report{
		say: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) },
		row: func(r row) {
			if !headed {
				fmt.Fprintf(out, columns, "name", "ours", "peer", "ratio", "unit", "")
				headed = true
			}
			fmt.Fprintf(out, columns, r.Name, ours(r), peer(r), ratio(r), r.Unit, r.Note)
		},
	}
}

func ours(r row) string {
	if r.Skip != "" && r.PeerName == "" {
		return "SKIP " + r.Skip
	}
	return number(r.Ours)
}

func peer(r row) string {
	switch {
	case r.PeerName == "":
		return "-"
	case r.Skip != "":
		return "SKIP " + r.PeerName + ": " + r.Skip
	}
	return number(r.Peer) + " " + r.PeerName
}

func ratio(r row) string {
	if r.Ratio == 0 {
		return "-"
	}
	return strconv.FormatFloat(r.Ratio, 'f', 2, 64)
}

// number shows three digits of a small number and all of a large one.
func number(f float64) string {
	switch {
	case f == float64(int64(f)) || f >= 1000:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

// median of a list that is not empty; the list is sorted.
func median(list []float64) float64 { return percentile(list, 0.5) }

// percentile is the smallest value that at least p of the list do not exceed; the
// list is sorted. Of an empty one it is 0.
func percentile[T int64 | float64](list []T, p float64) T {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	i := int(p*float64(len(list))+0.999999) - 1
	return list[min(max(i, 0), len(list)-1)]
}
