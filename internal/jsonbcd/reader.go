package jsonbcd

// Reader pulls values out of one byte slice. Outside any container it reads a sequence of values; Object and Next,
// or Array and More, walk a container, and each member or element is consumed by exactly one value method, Skip or
// Raw. Slices it returns alias the input where they can, so the input must not change while they are in use. A
// Reader is not safe for concurrent use, and after an error only Reset makes it useful again.
type Reader struct {
	// Unique refuses an object that has the same member name twice, as signed bodies must be read. Set it before
	// the first object is entered.
	Unique bool

	in    []byte
	pos   int
	depth int // open containers: frames[:depth]

	frames [MaxDepth]frame
	names  names
	codes  codes
}

// frame is one open container.
type frame struct {
	state state
	count uint16 // members or elements begun
	seen  seen   // names so far, under Unique
}

// state says where in a container the reader stands.
//
//	first --Next, More--> value --value method--> between --Next, More--> value ... --end--> (popped)
type state uint8

const (
	objectFirst   state = iota // nothing read yet
	objectBetween              // a member is complete
	objectValue                // a name was read, its value was not
	arrayFirst
	arrayBetween
	arrayValue
	nullObject // null in place of an object: it has no members
	nullArray
)

// NewReader reads b from its first byte.
func NewReader(b []byte) *Reader { return &Reader{in: b} }

// Reset makes the Reader read b from its first byte, keeping Unique.
func (r *Reader) Reset(b []byte) {
	r.in, r.pos, r.depth = b, 0, 0
	r.names.count = 0
	r.codes.reset()
}

// Offset is the number of bytes consumed so far.
func (r *Reader) Offset() int { return r.pos }

// End is nil when every container is closed and nothing but white space follows.
func (r *Reader) End() error {
	r.space()
	if r.depth != 0 || r.pos != len(r.in) {
		return r.syntax("reading the end")
	}
	return nil
}

// Object enters an object. A null is read as an object without members, as the reference reads it.
func (r *Reader) Object() error {
	return r.open('{', objectFirst, nullObject, "reading an object")
}

// Array enters an array. A null is read as an array without elements.
func (r *Reader) Array() error {
	return r.open('[', arrayFirst, nullArray, "reading an array")
}

func (r *Reader) open(bracket byte, first, null state, doing string) error {
	c, err := r.value(doing)
	if err != nil {
		return err
	}
	start := first
	switch {
	case c == bracket:
		r.pos++
	case r.null(c):
		start = null
	default:
		return r.syntax(doing)
	}
	if r.depth == MaxDepth {
		return r.fail(ErrLimit, doing)
	}
	r.frames[r.depth] = frame{state: start, seen: r.names.open()}
	r.depth++
	return nil
}

// close leaves the innermost container, which completes a value of the one around it.
func (r *Reader) close() {
	r.depth--
	r.names.close(r.frames[r.depth].seen)
	r.done()
}

// Next reads the name of the object's next member, or leaves the object with ok false. The name is valid until the
// next call of Next or Reset.
func (r *Reader) Next() (name []byte, ok bool, err error) {
	const doing = "reading a member name"
	if r.depth == 0 {
		return nil, false, r.syntax(doing)
	}
	f := &r.frames[r.depth-1]
	switch f.state {
	case nullObject:
		r.close()
		return nil, false, nil
	case objectFirst, objectBetween:
	default:
		return nil, false, r.syntax(doing)
	}
	c, _, err := r.between(f.state == objectBetween, doing)
	if err != nil {
		return nil, false, err
	}
	if c == '}' {
		// A comma may trail here: the reference tolerates it in objects, not in arrays.
		r.pos++
		r.close()
		return nil, false, nil
	}
	if f.count++; f.count > MaxMembers {
		return nil, false, r.fail(ErrLimit, doing)
	}
	if name, err = r.name(doing); err != nil {
		return nil, false, err
	}
	if r.Unique && !r.names.add(&f.seen, name) {
		return nil, false, r.fail(ErrDuplicate, doing)
	}
	f.state = objectValue
	return name, true, nil
}

// More says whether the array has another element, or leaves the array when it has not. Called again before the
// element is read it says the same.
func (r *Reader) More() (bool, error) {
	const doing = "reading an array element"
	if r.depth == 0 {
		return false, r.syntax(doing)
	}
	f := &r.frames[r.depth-1]
	switch f.state {
	case nullArray:
		r.close()
		return false, nil
	case arrayValue:
		return true, nil
	case arrayFirst, arrayBetween:
	default:
		return false, r.syntax(doing)
	}
	c, comma, err := r.between(f.state == arrayBetween, doing)
	if err != nil {
		return false, err
	}
	if c == ']' {
		if comma {
			return false, r.syntax(doing)
		}
		r.pos++
		r.close()
		return false, nil
	}
	if f.count++; f.count > MaxMembers {
		return false, r.fail(ErrLimit, doing)
	}
	f.state = arrayValue
	return true, nil
}

// between passes the optional comma after a member or element and peeks at what follows. A comma where none may
// stand is left for the caller's value or name to refuse.
func (r *Reader) between(mayComma bool, doing string) (c byte, comma bool, err error) {
	if c, err = r.token(doing); err != nil {
		return 0, false, err
	}
	if c != ',' || !mayComma {
		return c, false, nil
	}
	r.pos++
	c, err = r.token(doing)
	return c, true, err
}

// value peeks at the first byte of a value, where one may stand.
func (r *Reader) value(doing string) (byte, error) {
	if r.depth > 0 {
		if s := r.frames[r.depth-1].state; s != objectValue && s != arrayValue {
			return 0, r.syntax(doing)
		}
	}
	return r.token(doing)
}

// done records that a value is complete.
func (r *Reader) done() {
	if r.depth == 0 {
		return
	}
	switch f := &r.frames[r.depth-1]; f.state {
	case objectValue:
		f.state = objectBetween
	case arrayValue:
		f.state = arrayBetween
	}
}

// token skips white space and JSON-C definitions and peeks at the byte that follows.
func (r *Reader) token(doing string) (byte, error) {
	for {
		r.space()
		if r.pos >= len(r.in) {
			return 0, r.syntax(doing)
		}
		if len(r.in) > MaxInput {
			return 0, r.fail(ErrLimit, doing)
		}
		c := r.in[r.pos]
		if !isDefinition(c) {
			return c, nil
		}
		if err := r.define(); err != nil {
			return 0, err
		}
	}
}

// space skips what the reference takes for white space.
func (r *Reader) space() {
	for r.pos < len(r.in) {
		switch r.in[r.pos] {
		case ' ', '\t', '\n', '\r', '\f', '\b':
			r.pos++
		default:
			return
		}
	}
}
