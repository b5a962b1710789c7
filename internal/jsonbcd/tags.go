package jsonbcd

// Tags of draft-hallambaker-jsonbcd-21 tables 1 to 4, each the first of its group of sizes.
const (
	tagString      = 0x80 // 80..83
	tagStringChunk = 0x84 // 84..87
	tagData        = 0x88 // 88..8b
	tagDataChunk   = 0x8c // 8c..8f
	tagBinary16    = 0x90
	tagBinary32    = 0x91
	tagBinary64    = 0x92
	tagBinary128   = 0x94
	tagIntel80     = 0x95
	tagDecimal32   = 0x96
	tagDecimal64   = 0x97
	tagDecimal128  = 0x98
	tagPositive    = 0xa0 // a0..a3
	tagPositive128 = 0xa4
	tagBignum      = 0xa5 // §4.1 and the reference's constants
	tagBignum16    = 0xa7 // table 2
	tagNegative    = 0xa8 // a8..af as a0..a7
	tagTrue        = 0xb0
	tagFalse       = 0xb1
	tagNull        = 0xb2
	tagName        = 0xb4 // b4..b7, the reference's own
	tagInsert      = 0xc0 // c0..c2
	tagDefine      = 0xc4 // c4..c6
	tagDefInsert   = 0xc8 // c8..ca
	tagDefDict     = 0xcc // cc..ce
)

// Limits of the reader, OURS.
const (
	// MaxDepth is how deep containers may nest; it stops a stack built from a packet of brackets.
	MaxDepth = 32
	// MaxMembers bounds the members of one object and the elements of one array; it stops a consumer that keeps
	// something per element from being grown without end.
	MaxMembers = 4096
	// MaxCodes bounds the JSON-C codes one input defines; it stops a table built from four-byte definitions.
	MaxCodes = 256
	// MaxInput is the longest input in bytes; it stops a caller that forgot a bound of its own.
	MaxInput = 1 << 24
	// MaxExpansion is how many times its size an input may decode to, and be read; it stops a long string from
	// being inserted over and over by two-byte codes.
	MaxExpansion = 8
)
