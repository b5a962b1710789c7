package mpp

import (
	"net/netip"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// Int is an optional integer member: zero is written when Set, an absent one is
// not (reference.md 2).
type Int struct {
	Value int64
	Set   bool
}

// N is a member that is present with the value v.
func N(v int64) Int { return Int{Value: v, Set: true} }

// Or is the value, or v when the member is absent.
func (i Int) Or(v int64) int64 {
	if i.Set {
		return i.Value
	}
	return v
}

// Code is the value as a status code; absent is 0, which no code has.
func (i Int) Code() Code { return Code(i.Or(0)) }

// Bool is an optional boolean member.
type Bool struct {
	Value bool
	Set   bool
}

// Yes and No are boolean members that are present.
func Yes() Bool { return Bool{Value: true, Set: true} }
func No() Bool  { return Bool{Set: true} }

// Every append helper writes name and value, or nothing when the value is
// absent: nil, "", the zero time, an unset Int.

func appendOpen(b []byte, tag string) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendName(b, tag)
	return jsonbcd.AppendObject(b)
}

func appendEnd(b []byte) []byte {
	return jsonbcd.AppendObjectEnd(jsonbcd.AppendObjectEnd(b))
}

func appendInt(b []byte, name string, v Int) []byte {
	if !v.Set {
		return b
	}
	return jsonbcd.AppendInt(jsonbcd.AppendName(b, name), v.Value)
}

func appendInt64(b []byte, name string, v int64) []byte {
	return jsonbcd.AppendInt(jsonbcd.AppendName(b, name), v)
}

func appendBool(b []byte, name string, v Bool) []byte {
	if !v.Set {
		return b
	}
	return jsonbcd.AppendBool(jsonbcd.AppendName(b, name), v.Value)
}

// appendTrue writes a member that is absent when false (our own members only).
func appendTrue(b []byte, name string, v bool) []byte {
	return appendBool(b, name, Bool{Value: v, Set: v})
}

func appendString(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	return jsonbcd.AppendString(jsonbcd.AppendName(b, name), v)
}

func appendBinary(b []byte, name string, v []byte) []byte {
	if v == nil {
		return b
	}
	return jsonbcd.AppendBinary(jsonbcd.AppendName(b, name), v)
}

func appendTime(b []byte, name string, v wall.Time) []byte {
	if v == 0 {
		return b
	}
	return jsonbcd.AppendTime(jsonbcd.AppendName(b, name), int64(v))
}

// appendRaw writes an object that is encoded already.
func appendRaw(b []byte, name string, v []byte) []byte {
	if v == nil {
		return b
	}
	return append(jsonbcd.AppendName(b, name), v...)
}

// appendList writes a list; nil is absent, an empty one is written.
func appendList[T any](b []byte, name string, list []T, one func([]byte, *T) []byte) []byte {
	if list == nil {
		return b
	}
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, name))
	for i := range list {
		b = one(b, &list[i])
	}
	return jsonbcd.AppendArrayEnd(b)
}

func appendRaws(b []byte, name string, list [][]byte) []byte {
	return appendList(b, name, list, func(b []byte, v *[]byte) []byte { return append(b, *v...) })
}

func appendBinaries(b []byte, name string, list [][]byte) []byte {
	return appendList(b, name, list, func(b []byte, v *[]byte) []byte { return jsonbcd.AppendBinary(b, *v) })
}

func appendStrings(b []byte, name string, list []string) []byte {
	return appendList(b, name, list, func(b []byte, v *string) []byte { return jsonbcd.AppendString(b, *v) })
}

// appendEndPoint writes a UdpEndpoint. IPv4-mapped addresses are written in
// their 4 bytes, which is what a device can use; a zone means nothing to it.
func appendEndPoint(b []byte, name string, v netip.AddrPort) []byte {
	if !v.IsValid() {
		return b
	}
	return appendUDPEndpoint(jsonbcd.AppendName(b, name), &v)
}

func appendUDPEndpoint(b []byte, v *netip.AddrPort) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendName(b, "IpAddress")
	if addr := v.Addr().Unmap(); addr.Is4() {
		raw := addr.As4()
		b = jsonbcd.AppendBinary(b, raw[:])
	} else {
		raw := addr.As16()
		b = jsonbcd.AppendBinary(b, raw[:])
	}
	b = appendInt64(b, "Port", int64(v.Port()))
	return jsonbcd.AppendObjectEnd(b)
}

// membered is anything that reads its members by name; it skips names that it
// does not know.
type membered interface {
	member(r *jsonbcd.Reader, name []byte) error
}

// nextMember gives the name of the object's next member that is not null: a null
// member counts as absent, as everywhere in the reference's reader.
func nextMember(r *jsonbcd.Reader) (name []byte, ok bool, err error) {
	for {
		name, ok, err = r.Next()
		if err != nil || !ok {
			return nil, false, err
		}
		null, err := r.Null()
		if err != nil {
			return nil, false, err
		}
		if !null {
			return name, true, nil
		}
	}
}

// readObject reads an object's members into m; of duplicates the last wins.
func readObject(r *jsonbcd.Reader, m membered) error {
	if err := r.Object(); err != nil {
		return err
	}
	for {
		name, ok, err := nextMember(r)
		if err != nil || !ok {
			return err
		}
		if err := m.member(r, name); err != nil {
			return err
		}
	}
}

// readList reads a list of at most limit values.
func readList[T any](r *jsonbcd.Reader, into *[]T, limit int, one func(*jsonbcd.Reader, *T) error) error {
	if err := r.Array(); err != nil {
		return err
	}
	list := []T{}
	for {
		more, err := r.More()
		if err != nil {
			return err
		}
		if !more {
			*into = list
			return nil
		}
		if len(list) == limit {
			return ErrLimit
		}
		var v T
		list = append(list, v)
		if err := one(r, &list[len(list)-1]); err != nil {
			return err
		}
	}
}

func readInt(r *jsonbcd.Reader, into *Int) (err error) {
	into.Value, err = r.Int()
	into.Set = err == nil
	return err
}

func readInt64(r *jsonbcd.Reader, into *int64) (err error) {
	*into, err = r.Int()
	return err
}

func readBool(r *jsonbcd.Reader, into *Bool) (err error) {
	into.Value, err = r.Bool()
	into.Set = err == nil
	return err
}

func readTrue(r *jsonbcd.Reader, into *bool) (err error) {
	*into, err = r.Bool()
	return err
}

// readString spares the allocation for the names every message repeats.
func readString(r *jsonbcd.Reader, into *string) error {
	text, err := r.Text()
	if err != nil {
		return err
	}
	switch string(text) {
	case ServiceName:
		*into = ServiceName
	case TokenPrefix:
		*into = TokenPrefix
	default:
		*into = string(text)
	}
	return nil
}

func readTime(r *jsonbcd.Reader, into *wall.Time) error {
	unix, err := r.Time()
	*into = wall.Time(unix)
	return err
}

// readBinary reads low to high bytes, which alias the input.
func readBinary(r *jsonbcd.Reader, into *[]byte, low, high int) error {
	v, err := r.Bytes()
	if err != nil {
		return err
	}
	if len(v) < low {
		return ErrMalformed
	}
	if len(v) > high {
		return ErrLimit
	}
	if v == nil {
		v = []byte{} // empty is written, nil is absent
	}
	*into = v
	return nil
}

// readHash reads a SHA-256 value.
func readHash(r *jsonbcd.Reader, into *[]byte) error {
	return readBinary(r, into, HashSize, HashSize)
}

// readRaw reads one object as it stands in the input.
func readRaw(r *jsonbcd.Reader, into *[]byte) error {
	v, err := r.Raw()
	if err != nil {
		return err
	}
	if len(v) == 0 || v[0] != '{' {
		return ErrMalformed
	}
	*into = v
	return nil
}

func readRaws(r *jsonbcd.Reader, into *[][]byte, limit int) error {
	return readList(r, into, limit, readRaw)
}

func readStrings(r *jsonbcd.Reader, into *[]string, limit int) error {
	return readList(r, into, limit, readString)
}

// readEndPoint reads a UdpEndpoint; one without an address is absent. It walks
// the object itself, since a membered value would go to the heap.
func readEndPoint(r *jsonbcd.Reader, into *netip.AddrPort) error {
	if err := r.Object(); err != nil {
		return err
	}
	var addr netip.Addr
	var port uint16
	for {
		name, ok, err := nextMember(r)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		switch string(name) {
		case "IpAddress":
			err = readAddr(r, &addr)
		case "Port":
			err = readPort(r, &port)
		default:
			err = r.Skip()
		}
		if err != nil {
			return err
		}
	}
	*into = netip.AddrPort{}
	if addr.IsValid() {
		*into = netip.AddrPortFrom(addr, port)
	}
	return nil
}

func readAddr(r *jsonbcd.Reader, into *netip.Addr) error {
	raw, err := r.Bytes()
	if err != nil {
		return err
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return ErrMalformed
	}
	*into = addr.Unmap()
	return nil
}

func readPort(r *jsonbcd.Reader, into *uint16) error {
	v, err := r.Int()
	if err != nil {
		return err
	}
	if v < 0 || v > 65535 {
		return ErrMalformed
	}
	*into = uint16(v)
	return nil
}
