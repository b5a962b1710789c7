package record

import (
	"time"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// Base is what every body holds.
type Base struct {
	// Author is who signed. Sign fills it.
	Author key.Author
	// Serial orders the facts of one key; not negative.
	Serial int64
	// Time is when the author's clock says it signed. Nothing is ordered by it.
	Time wall.Time
	// Expires is when the fact is forgotten; zero exactly for kinds without a
	// Life.
	Expires wall.Time
	// Account is the hash of the account's key; zero exactly for node, member,
	// expelled and realm.
	Account key.Hash
}

// clockSlack is how far an author's clock may be ahead of ours (facts.md,
// Expired).
const clockSlack = time.Hour

// Expired reports whether the fact is over: not used, not offered, forgotten.
func (b *Base) Expired(now wall.Time) bool { return b.Expires != 0 && b.Expires <= now }

// TooFar reports whether Expires is over now + life + 1 h: such a fact is
// ignored, unless it only ends something. OURS: an author whose clock was ahead
// could else not end what it said until its own clock's days have passed.
func (f *Fact) TooFar(now wall.Time) bool {
	return f.Expires != 0 && f.Expires > now.Add(Life(f.Kind)+clockSlack) && !f.Ends()
}

// Ends reports whether a fact gives nothing and only takes back what its author
// said before: a device that is detached, a node that keeps an account no more.
func (f *Fact) Ends() bool {
	switch b := f.Body.(type) {
	case *Attach:
		return b.Detached()
	case *Host:
		return b.Ended
	}
	return false
}

// Covering returns the base with Expires raised to that of the fact it is to
// replace, if that is later: an author never lets a key's Expires fall, so that
// nothing older outlives what replaced it. A nil old changes nothing.
func (b Base) Covering(old *Fact) Base {
	if old != nil {
		b.Expires = max(b.Expires, old.Expires)
	}
	return b
}

func (b *Base) append(out []byte) []byte {
	out = appendBinary(out, "Author", b.Author.Bytes())
	out = appendInt(out, "Serial", b.Serial)
	out = appendTime(out, "Time", b.Time)
	if b.Expires != 0 {
		out = appendTime(out, "Expires", b.Expires)
	}
	if !b.Account.IsZero() {
		out = appendBinary(out, "Account", b.Account[:])
	}
	return out
}

// read reads the member called name if it is the base's.
func (b *Base) read(name string, d *decoder) bool {
	switch name {
	case "Author":
		b.Author = d.author()
	case "Serial":
		b.Serial = d.count()
		d.serial = true
	case "Time":
		b.Time = d.time()
	case "Expires":
		b.Expires = d.time()
	case "Account":
		b.Account = d.hash()
	default:
		return false
	}
	return true
}

// check says what is missing or should not be there.
func (b *Base) check(r rule) error {
	switch {
	case b.Author == "":
		return missing("Author")
	case b.Time == 0:
		return missing("Time")
	case (b.Expires != 0) != (r.life != 0):
		return malformed("Expires does not go with this kind")
	case b.Account.IsZero() == r.account:
		return malformed("Account does not go with this kind")
	}
	return nil
}

func appendBinary(b []byte, name string, v []byte) []byte {
	return jsonbcd.AppendBinary(jsonbcd.AppendName(b, name), v)
}

func appendInt(b []byte, name string, v int64) []byte {
	return jsonbcd.AppendInt(jsonbcd.AppendName(b, name), v)
}

// appendCount leaves the member out when it is zero.
func appendCount(b []byte, name string, v int64) []byte {
	if v == 0 {
		return b
	}
	return appendInt(b, name, v)
}

func appendString(b []byte, name, v string) []byte {
	return jsonbcd.AppendString(jsonbcd.AppendName(b, name), v)
}

func appendTime(b []byte, name string, v wall.Time) []byte {
	return jsonbcd.AppendTime(jsonbcd.AppendName(b, name), int64(v))
}

func appendStrings(b []byte, name string, list []string) []byte {
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, name))
	for _, s := range list {
		b = jsonbcd.AppendString(b, s)
	}
	return jsonbcd.AppendArrayEnd(b)
}
