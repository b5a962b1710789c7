// Package jsonbcd writes JSON-B and reads JSON, JSON-B and JSON-C mixed freely, as draft-hallambaker-jsonbcd-21
// defines them and the author's implementation uses them.
//
// # Layout
//
// Braces and brackets are the ASCII bytes of JSON. Everything else may be a tag byte and what follows it; numbers
// are big endian. The low two bits of a tag give the size of its length or magnitude: 1, 2, 4 or 8 bytes.
//
//	80..83  string, terminal            length, UTF-8             draft §4 table 1
//	84..87  string, chunk               length, UTF-8; more follows
//	88..8b  data, terminal              length, bytes
//	8c..8f  data, chunk                 length, bytes; more follows
//	90 91   binary16, binary32          2, 4 bytes                §6 table 4
//	92      binary64                    8 bytes                   §4 table 2
//	94..98  wider and decimal floats    skipped, never decoded    §6 table 4
//	a0..a3  positive integer            magnitude                 §4 table 2
//	a8..ab  negative integer            magnitude
//	a4 ac   128-bit integer             16 bytes                  §6 table 4
//	a5 a7   positive bignum             2-byte length, magnitude  a5 in §4.1, a7 in table 2
//	ad af   negative bignum             2-byte length, magnitude
//	b0 b1 b2  true, false, null
//	b4..b7  member name                 length, UTF-8; no colon   not in the draft: what the reference writes
//	c0..c2  insert a code               1, 2, 4-byte code         §5 table 3
//	c4..c6  define a code               code, then a string or data
//	c8..ca  define a code and insert it code, then a string or data
//	cc..ce  define, dictionary form     read as c4..c6
//	d0      dictionary by fingerprint   refused: no dictionaries are registered
//
// Tag a6 (p-int512 in §7, p-bignum nowhere) and frames f0..f7 are not values and are refused.
//
// # Writing
//
// The Append functions emit exactly what the reference writer does: names as b4..b7, the shortest length form, no
// colons, commas or spaces, a DateTime as a quoted ASCII string. They append to the caller's slice and allocate
// only when it must grow. They keep no state, so the caller nests them correctly. Lengths count UTF-8 bytes.
//
// # Reading
//
// A Reader pulls one value at a time out of a byte slice and allocates nothing on the common path. Commas are
// optional between members and elements and one may trail in an object, as the reference allows. Names take a colon
// when they are quoted, may take one as an 80..83 string or a code, and take none as b4..b7.
//
// OURS, stricter than the reference: strings are valid UTF-8, quoted strings obey the escapes of RFC 8259 (raw CR,
// LF and tab pass, since the reference wraps base64 inside quotes), base64 skips only white space and padding,
// chunks are joined, a declared length beyond the input is an error, and a code is defined once.
//
// Bounds: nesting MaxDepth, members or elements of one container MaxMembers, codes MaxCodes, input MaxInput, and
// everything decoded together at most 8 times the input.
package jsonbcd
