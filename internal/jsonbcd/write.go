package jsonbcd

import (
	"encoding/binary"
	"time"
)

// The span a DateTime can say, 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const (
	minTime = -62_135_596_800
	maxTime = 253_402_300_799
)

const timeLayout = "2006-01-02T15:04:05Z"

// AppendObject opens an object. Every member is an AppendName and one value.
func AppendObject(b []byte) []byte { return append(b, '{') }

// AppendObjectEnd closes an object.
func AppendObjectEnd(b []byte) []byte { return append(b, '}') }

// AppendArray opens an array.
func AppendArray(b []byte) []byte { return append(b, '[') }

// AppendArrayEnd closes an array.
func AppendArrayEnd(b []byte) []byte { return append(b, ']') }

// AppendName writes the name of a member, tag b4..b7.
func AppendName(b []byte, name string) []byte {
	return append(appendSized(b, tagName, uint64(len(name))), name...)
}

// AppendInt writes an integer in the shortest form that holds its magnitude, tag a0..a3 or a8..ab.
func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendSized(b, tagNegative, -uint64(v))
	}
	return appendSized(b, tagPositive, uint64(v))
}

// AppendString writes a string, tag 80..83. It must be valid UTF-8 to be read back; the reference reads only ASCII
// reliably.
func AppendString(b []byte, s string) []byte {
	return append(appendSized(b, tagString, uint64(len(s))), s...)
}

// AppendBinary writes binary data, tag 88..8b. Nil and empty are both written as empty data.
func AppendBinary(b []byte, p []byte) []byte {
	return append(appendSized(b, tagData, uint64(len(p))), p...)
}

// AppendBool writes true or false, tags b0 and b1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, tagTrue)
	}
	return append(b, tagFalse)
}

// AppendTime writes a time in Unix seconds as the 22 bytes of a quoted DateTime, "YYYY-MM-DDTHH:MM:SSZ". Times
// outside the years 1 to 9999 are moved to the nearest that the form can say.
func AppendTime(b []byte, unix int64) []byte {
	t := time.Unix(min(max(unix, minTime), maxTime), 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, '"', byte('0'+year/1000), byte('0'+year/100%10))
	b = append(appendTwo(b, year%100), '-')
	b = append(appendTwo(b, int(month)), '-')
	b = append(appendTwo(b, day), 'T')
	b = append(appendTwo(b, hour), ':')
	b = append(appendTwo(b, minute), ':')
	return append(appendTwo(b, second), 'Z', '"')
}

// appendTwo writes two digits. Every answer of a node holds a time, and
// time.AppendFormat took a twelfth of all that the node does for a heartbeat.
func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// appendSized writes a tag of the group and n in the shortest of its four sizes.
func appendSized(b []byte, group byte, n uint64) []byte {
	switch {
	case n < 1<<8:
		return append(b, group, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, group|1), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, group|2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, group|3), n)
}
