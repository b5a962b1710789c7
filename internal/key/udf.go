package key

import "meshpresence/internal/udf"

// UDF returns the fingerprint that people see, 34 characters (reference.md
// 7.4), or "" for none.
func (a Author) UDF() string {
	if a == "" {
		return ""
	}
	curve := udf.Ed448
	if a.IsEd25519() {
		curve = udf.Ed25519
	}
	return udf.Key(curve, []byte(a[1:])).String()
}

// String is UDF.
func (a Author) String() string { return a.UDF() }

// UDF returns the fingerprint that people see, 34 characters (reference.md
// 7.4), or "" for none. The fingerprint of an X448 key covers its sign byte:
// for a key that came without one this is the fingerprint with v even, which is
// the owner's half of the time; compare with Expects.
func (a Agreement) UDF() string {
	if a == "" {
		return ""
	}
	return a.fingerprint(0).String()
}

// String is UDF.
func (a Agreement) String() string { return a.UDF() }

// Expect returns the first 140 bits of the fingerprint, left aligned, as RUD
// commits to them (rud.md, HELLO); zeros for none. Of an X448 key without sign
// byte see UDF.
func (a Agreement) Expect() (e [18]byte) {
	if a == "" {
		return e
	}
	return a.fingerprint(0).Expect()
}

// Expects reports whether want is the Expect of this key. An X448 key whose
// sign byte is not known is tried with both: u and so every agreement is the
// same.
func (a Agreement) Expects(want [18]byte) bool {
	if a == "" {
		return false
	}
	return a.fingerprint(0).Expect() == want ||
		a.Curve() == X448 && a == a.Plain() && a.fingerprint(signOdd).Expect() == want
}

// fingerprint is the fingerprint of the key, with this sign byte if it is an
// X448 key without one.
func (a Agreement) fingerprint(sign byte) udf.Fingerprint {
	raw := []byte(a[1:])
	if a.Curve() == X25519 {
		return udf.Key(udf.X25519, raw)
	}
	if a == a.Plain() {
		raw = append(raw, sign)
	}
	return udf.Key(udf.X448, raw)
}
