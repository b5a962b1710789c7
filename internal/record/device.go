package record

import (
	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// Roles is what a device may do for its account.
type Roles uint8

// The roles; on the wire "watch" and "publish".
const (
	Watch Roles = 1 << iota
	Publish
)

var roleNames = [...]struct {
	role Roles
	name string
}{{Watch, "watch"}, {Publish, "publish"}}

// Has reports whether all of want are there.
func (r Roles) Has(want Roles) bool { return r&want == want }

// Strings returns the names of the roles, as they are on the wire.
func (r Roles) Strings() (names []string) {
	for _, n := range roleNames {
		if r.Has(n.role) {
			names = append(names, n.name)
		}
	}
	return names
}

// Device binds a device's keys to an account, with roles. Members: Key,
// Agreement (binary), Roles (list of strings; unknown ones are ignored).
type Device struct {
	Key       key.Author
	Agreement key.Agreement
	Roles     Roles
}

// Kind returns KindDevice.
func (*Device) Kind() Kind { return KindDevice }

func (v *Device) append(b []byte) []byte {
	b = appendBinary(b, "Key", v.Key.Bytes())
	b = appendBinary(b, "Agreement", v.Agreement.Bytes())
	return appendStrings(b, "Roles", v.Roles.Strings())
}

func (v *Device) read(name string, d *decoder) bool {
	switch name {
	case "Key":
		v.Key = d.author()
	case "Agreement":
		v.Agreement = d.agreement()
	case "Roles":
		d.list(maxRoles, func() { v.Roles |= roleOf(d.text(maxLabel)) })
	default:
		return false
	}
	return true
}

func roleOf(name string) Roles {
	for _, n := range roleNames {
		if n.name == name {
			return n.role
		}
	}
	return 0
}

func (v *Device) check() error {
	switch {
	case v.Key == "":
		return missing("Key")
	case v.Agreement == "":
		return missing("Agreement")
	}
	return nil
}

func (v *Device) sub(key.Hash) string {
	h := v.Key.Hash()
	return string(h[:])
}

// Revoked voids a device key, a capability, or the account key itself. Member:
// Hash (binary 32).
type Revoked struct {
	Hash key.Hash
}

// Kind returns KindRevoked.
func (*Revoked) Kind() Kind { return KindRevoked }

func (v *Revoked) append(b []byte) []byte { return appendBinary(b, "Hash", v.Hash[:]) }

func (v *Revoked) read(name string, d *decoder) bool {
	if name != "Hash" {
		return false
	}
	v.Hash = d.hash()
	return true
}

func (v *Revoked) check() error {
	if v.Hash.IsZero() {
		return missing("Hash")
	}
	return nil
}

func (v *Revoked) sub(key.Hash) string { return string(v.Hash[:]) }

// appendHashes appends a list of binaries.
func appendHashes(b []byte, name string, list []key.Hash) []byte {
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, name))
	for i := range list {
		b = jsonbcd.AppendBinary(b, list[i][:])
	}
	return jsonbcd.AppendArrayEnd(b)
}
