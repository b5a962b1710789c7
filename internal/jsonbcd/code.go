package jsonbcd

const doingCode = "reading a code"

// codes is the JSON-C dictionary an input has built so far. Draft §5: "Tag codes MUST be defined before they are
// referenced." A code stands for a string or data in the input itself, by its offset.
type codes struct {
	table    map[uint32]int
	inserted int // bytes of definitions read again by inserting them
}

func (d *codes) reset() {
	clear(d.table)
	d.inserted = 0
}

// sizedCode says whether c is a tag of the group with a code of 1, 2 or 4 bytes; §5 has none of 8.
func sizedCode(c, group byte) bool { return group <= c && c < group+3 }

func isDefinition(c byte) bool { return sizedCode(c, tagDefine) || sizedCode(c, tagDefDict) }
func isCode(c byte) bool       { return sizedCode(c, tagInsert) || sizedCode(c, tagDefInsert) }

// define consumes a definition that stands before a value, a name or an end.
//
// OURS: the draft does not say how the dictionary form (cc..ce) differs from the plain one; both are read the same.
func (r *Reader) define() error {
	if err := r.enter(); err != nil {
		return err
	}
	return r.skipItem()
}

// enter consumes the tag and code of a definition and gives the code to the item that follows.
func (r *Reader) enter() error {
	code, err := r.code()
	if err != nil {
		return err
	}
	if _, defined := r.codes.table[code]; defined {
		return r.syntax(doingCode)
	}
	if len(r.codes.table) == MaxCodes {
		return r.fail(ErrLimit, doingCode)
	}
	if r.codes.table == nil {
		r.codes.table = make(map[uint32]int)
	}
	r.codes.table[code] = r.pos
	return nil
}

// code consumes a tag and the code its low bits size.
func (r *Reader) code() (uint32, error) {
	size := 1 << (r.in[r.pos] & 3)
	code, ok := r.unsigned(r.pos+1, size)
	if !ok {
		return 0, r.syntax(doingCode)
	}
	r.pos += 1 + size
	return uint32(code), nil
}

// skipItem consumes a string or data that a code may stand for: not another code, so that inserting never recurses.
func (r *Reader) skipItem() (err error) {
	switch c := r.peek(); {
	case c == '"' || isString(c):
		_, err = r.text(doingCode)
	case isData(c):
		_, err = r.data(doingCode)
	default:
		err = r.syntax(doingCode)
	}
	return err
}

// insert consumes a code and reads what it stands for with read, in its place or at its definition.
func (r *Reader) insert(read func(string) ([]byte, error), doing string) ([]byte, error) {
	if sizedCode(r.peek(), tagDefInsert) {
		if err := r.enter(); err != nil {
			return nil, err
		}
		if isCode(r.peek()) {
			return nil, r.syntax(doing)
		}
		return read(doing)
	}
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	at, defined := r.codes.table[code]
	if !defined {
		return nil, r.syntax(doing)
	}
	after := r.pos
	r.pos = at
	p, err := read(doing)
	// Encoded bytes are what is counted: chunks may be many and empty, and what they stand for is never longer.
	r.codes.inserted += r.pos - at
	r.pos = after
	if err != nil {
		return nil, err
	}
	if r.codes.inserted > (MaxExpansion-1)*len(r.in) {
		return nil, r.fail(ErrLimit, doing)
	}
	return p, nil
}

// skipCode reads a code as whatever it stands for.
func (r *Reader) skipCode() error {
	c, err := r.standsFor()
	if err != nil {
		return err
	}
	if isData(c) {
		_, err = r.Bytes()
	} else {
		_, err = r.Text()
	}
	return err
}

// standsFor is the first byte of what the code at the present position stands for; it consumes nothing.
func (r *Reader) standsFor() (byte, error) {
	at := r.pos
	defer func() { r.pos = at }()
	code, err := r.code()
	if err != nil {
		return 0, err
	}
	if sizedCode(r.in[at], tagInsert) {
		item, defined := r.codes.table[code]
		if !defined {
			return 0, r.syntax(doingCode)
		}
		return r.in[item], nil
	}
	return r.peek(), nil
}
