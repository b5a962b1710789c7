package jsonbcd

import "encoding/binary"

const doingData = "reading binary data"

func isData(c byte) bool { return tagData <= c && c < tagDataChunk+4 }

// Bytes reads binary data: 88..8b, chunks of 8c..8f joined, a code for one, or a quoted string of base64 in either
// alphabet, with or without padding and line ends. It aliases the input for 88..8b. A string of 80..83 is refused:
// the reference misreads it.
func (r *Reader) Bytes() ([]byte, error) {
	c, err := r.value(doingData)
	if err != nil {
		return nil, err
	}
	var p []byte
	if c == '"' {
		p, err = r.base64(doingData)
	} else {
		p, err = r.data(doingData)
	}
	if err != nil {
		return nil, err
	}
	r.done()
	return p, nil
}

// data reads binary data in a form of its own at the present position.
func (r *Reader) data(doing string) ([]byte, error) {
	switch c := r.peek(); {
	case isData(c):
		return r.chunks(tagData, doing)
	case isCode(c):
		return r.insert(r.data, doing)
	}
	return nil, r.syntax(doing)
}

// peek is the byte at the present position, or 0 at the end.
func (r *Reader) peek() byte {
	if r.pos < len(r.in) {
		return r.in[r.pos]
	}
	return 0
}

// chunks reads a terminal item of the group, or non-terminal ones and the terminal that ends them, joined.
// Draft §4: b-string = *( string-chunk ) string-term; b-data = *( data-chunk ) data-last.
func (r *Reader) chunks(group byte, doing string) ([]byte, error) {
	var joined []byte
	for {
		c := r.peek()
		if c < group || c >= group+8 {
			return nil, r.syntax(doing)
		}
		p, err := r.sized(doing)
		if err != nil {
			return nil, err
		}
		terminal := c < group+4
		if terminal && joined == nil {
			return p, nil
		}
		joined = append(joined, p...)
		if terminal {
			return joined, nil
		}
		if joined == nil { // an empty first chunk
			joined = []byte{}
		}
	}
}

// sized consumes a tag, the length that its low bits size, and that many bytes, which it returns.
func (r *Reader) sized(doing string) ([]byte, error) {
	size := 1 << (r.in[r.pos] & 3)
	n, ok := r.unsigned(r.pos+1, size)
	start := r.pos + 1 + size
	if !ok || n > uint64(len(r.in)-start) {
		return nil, r.syntax(doing)
	}
	end := start + int(n)
	r.pos = end
	return r.in[start:end:end], nil
}

// unsigned is the big-endian number of 1, 2, 4 or 8 bytes at offset at, if they are all there.
func (r *Reader) unsigned(at, size int) (uint64, bool) {
	if len(r.in)-at < size {
		return 0, false
	}
	p := r.in[at:]
	switch size {
	case 1:
		return uint64(p[0]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(p)), true
	case 4:
		return uint64(binary.BigEndian.Uint32(p)), true
	}
	return binary.BigEndian.Uint64(p), true
}

// base64 reads a quoted string and decodes it.
func (r *Reader) base64(doing string) ([]byte, error) {
	text, err := r.quoted(doing)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(text)/4*3+3)
	var bits uint32
	held := 0 // bits of a byte that is not complete
	for _, c := range text {
		v, ok := sextet(c)
		if !ok {
			if c == '=' || c == '\n' || c == '\r' || c == '\t' || c == ' ' {
				continue
			}
			return nil, r.syntax(doing)
		}
		bits = bits<<6 | v
		if held += 6; held >= 8 {
			held -= 8
			out = append(out, byte(bits>>held))
		}
	}
	if held == 6 { // one character alone says no byte
		return nil, r.syntax(doing)
	}
	return out, nil
}

// sextet is the value of a character of base64 (RFC 4648 §4) or base64url (§5).
func sextet(c byte) (uint32, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return uint32(c - 'A'), true
	case 'a' <= c && c <= 'z':
		return uint32(c-'a') + 26, true
	case '0' <= c && c <= '9':
		return uint32(c-'0') + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
