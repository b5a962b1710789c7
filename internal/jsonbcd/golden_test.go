package jsonbcd

import (
	"encoding/hex"
	"math"
	"strings"
)

// golden is one encoding and what it reads as. The table feeds the golden tests, the round trip and the fuzz seeds.
type golden struct {
	name  string
	in    []byte
	value any  // see decode; an error for what is refused
	write bool // the writer emits exactly this
}

var table = []golden{
	// Integers, draft §4 table 2; the shortest form is the writer's.
	{"zero", x("a000"), int64(0), true},
	{"one", x("a001"), int64(1), true},
	{"255", x("a0ff"), int64(255), true},
	{"256", x("a10100"), int64(256), true},
	{"60000", x("a1ea60"), int64(60000), true},
	{"201", x("a0c9"), int64(201), true},
	{"65536", x("a200010000"), int64(65536), true},
	{"2^32", x("a30000000100000000"), int64(1 << 32), true},
	{"max int64", x("a37fffffffffffffff"), int64(math.MaxInt64), true},
	{"-1", x("a801"), int64(-1), true},
	{"-256", x("a90100"), int64(-256), true},
	{"-65536", x("aa00010000"), int64(-65536), true},
	{"min int64", x("ab8000000000000000"), int64(math.MinInt64), true},
	{"2^63", x("a38000000000000000"), ErrLimit, false},
	{"-2^63-1", x("ab8000000000000001"), ErrLimit, false},
	{"-0", x("a800"), int64(0), false},
	{"42 in 4 bytes", x("a20000002a"), int64(42), false},
	{"128 bit", x("a40000000000000000000000000000002a"), int64(42), false},
	{"-128 bit", x("ac0000000000000000000000000000002a"), int64(-42), false},
	{"128 bit, too large", x("a40000000000000001000000000000002a"), ErrLimit, false},
	{"bignum", x("a700022a00"), int64(0x2a00), false},
	{"-bignum", x("af00022a00"), int64(-0x2a00), false},
	{"bignum of the code", x("ad000101"), int64(-1), false},
	{"empty bignum", x("a50000"), int64(0), false},
	{"bignum, too large", x("a70009010000000000000000"), ErrLimit, false},
	{"bignum, cut", x("a7000201"), ErrSyntax, false},
	{"p-int512", x("a6" + strings.Repeat("00", 64)), ErrSyntax, false},
	{"integer, cut", x("a100"), ErrSyntax, false},
	{"integer, no size", x("a0"), ErrSyntax, false},

	// Numbers as text.
	{"text 300", []byte("300"), int64(300), false},
	{"text -5", []byte("-5"), int64(-5), false},
	{"text -0", []byte("-0"), int64(0), false},
	{"text max", []byte("9223372036854775807"), int64(math.MaxInt64), false},
	{"text min", []byte("-9223372036854775808"), int64(math.MinInt64), false},
	{"text 2^63", []byte("9223372036854775808"), ErrLimit, false},
	{"text 20 digits", []byte("18446744073709551616"), ErrLimit, false},
	{"text 1.5", []byte("1.5"), 1.5, false},
	{"text -1e3", []byte("-1e3"), -1000.0, false},
	{"text 2E+2", []byte("2E+2"), 200.0, false},
	{"text huge", []byte("1e999"), ErrLimit, false},
	{"leading zero", []byte("012"), ErrSyntax, false},
	{"plus", []byte("+1"), ErrSyntax, false},
	{"minus alone", []byte("-"), ErrSyntax, false},
	{"point alone", []byte("1."), ErrSyntax, false},
	{"exponent alone", []byte("1e"), ErrSyntax, false},
	{"letters after", x("12ab"), ErrSyntax, false},
	{"two points", []byte("1.2.3"), ErrSyntax, false},

	// Floats, draft §4 table 2 and §6 table 4.
	{"half 1", x("903c00"), 1.0, false},
	{"half -2", x("90c000"), -2.0, false},
	{"half least", x("900001"), 0x1p-24, false},
	{"half max", x("907bff"), 65504.0, false},
	{"half infinity", x("90fc00"), math.Inf(-1), false},
	{"single", x("913f800000"), 1.0, false},
	{"double -1", x("92bff0000000000000"), -1.0, false},
	{"double, cut", x("92bff000"), ErrSyntax, false},
	{"binary128", x("94" + strings.Repeat("00", 16)), skipped{}, false},
	{"Intel80", x("95" + strings.Repeat("00", 10)), skipped{}, false},
	{"decimal32", x("9600000000"), skipped{}, false},
	{"decimal64", x("970000000000000000"), skipped{}, false},
	{"decimal128", x("98" + strings.Repeat("00", 16)), skipped{}, false},
	{"decimal128, cut", x("9800"), ErrSyntax, false},

	{"true", x("b0"), true, true},
	{"false", x("b1"), false, true},
	{"null", x("b2"), nil, false},
	{"text true", []byte("true"), true, false},
	{"text false", []byte("false"), false, false},
	{"text null", []byte("null"), nil, false},
	{"truer", []byte("truer"), ErrSyntax, false},
	{"nul", []byte("nul"), ErrSyntax, false},

	// Strings.
	{"empty", x("8000"), "", true},
	{"ASCII", x("800548656c6c6f"), "Hello", true},
	{"UTF-8, counted in bytes", x("8006e282acc3a921"), "€é!", true},
	{"256 characters", x("810100" + strings.Repeat("61", 256)), strings.Repeat("a", 256), true},
	{"3 chunks", x("840148850002656c80026c6f"), "Hello", false},
	{"chunks cut a character", x("8401c38001a9"), "é", false},
	{"empty chunk", x("84008000"), "", false},
	{"chunk without an end", x("840548656c6c6f"), ErrSyntax, false},
	{"chunk, then data", x("84054865486c6f8800"), ErrSyntax, false},
	{"length over the input", x("82ffffffff61"), ErrSyntax, false},
	{"length over an int", x("83ffffffffffffffff61"), ErrSyntax, false},
	{"not UTF-8", x("8001ff"), ErrSyntax, false},
	{"quoted", []byte(`"Hello"`), "Hello", false},
	{"quoted UTF-8", []byte(`"€"`), "€", false},
	{"escapes", []byte(`"\"\\\/\b\f\n\r\t"`), "\"\\/\b\f\n\r\t", false},
	{"\\u", []byte(`"\u0048\u20AC\u00e9x"`), "H€éx", false},
	{"surrogates", []byte(`"\ud83D\ude00"`), "😀", false},
	{"half a pair", []byte(`"\ud83d"`), ErrSyntax, false},
	{"half a pair, then text", []byte(`"\ud83dxxxxxx"`), ErrSyntax, false},
	{"low surrogate first", []byte(`"\ude00\ud83d"`), ErrSyntax, false},
	{"bad hex", []byte(`"\u12g4"`), ErrSyntax, false},
	{"short hex", []byte(`"\u12"`), ErrSyntax, false},
	{"bad escape", []byte(`"\x"`), ErrSyntax, false},
	{"escape at the end", []byte(`"\`), ErrSyntax, false},
	{"unterminated", []byte(`"abc`), ErrSyntax, false},
	{"unterminated after an escape", []byte(`"a\nbc`), ErrSyntax, false},
	{"control", []byte("\"a\x00\""), ErrSyntax, false},
	{"control after an escape", []byte("\"\\n\x01\""), ErrSyntax, false},
	{"quoted, not UTF-8", []byte("\"\xff\""), ErrSyntax, false},
	{"escaped, not UTF-8", []byte("\"\\n\xff\""), ErrSyntax, false},
	{"wrapped", []byte("\"a\n  b\""), "a\n  b", false},

	// Data.
	{"empty data", x("8800"), []byte{}, true},
	{"data", x("8804cb007107"), []byte{0xcb, 0, 0x71, 7}, true},
	{"long data", x("890100" + strings.Repeat("00", 256)), make([]byte, 256), true},
	{"data chunks", x("8c01018d000102880103"), []byte{1, 2, 3}, false},
	{"empty data chunk", x("8c008800"), []byte{}, false},
	{"data, cut", x("880401"), ErrSyntax, false},
	{"data chunk, then string", x("8c01018000"), ErrSyntax, false},

	// Objects and arrays.
	{"empty object", x("7b7d"), object{}, true},
	{"empty array", x("5b5d"), array{}, true},
	{"object", x("7bb40161a001b401628000b40163b07d"), object{{"a", int64(1)}, {"b", ""}, {"c", true}}, true},
	{"name of 256", x("7bb50100" + strings.Repeat("61", 256) + "a0007d"), object{{strings.Repeat("a", 256), int64(0)}}, true},
	{"nested", x("7bb401615b7bb40162a0017d5b5d5d7d"), object{{"a", array{object{{"b", int64(1)}}, array{}}}}, true},
	{"array", x("5ba001a8018001785d"), array{int64(1), int64(-1), "x"}, true},
	{"JSON", []byte(` { "a" : 1 , "b":[ true,null, {} ], "c":"d"} `), object{{"a", int64(1)}, {"b", array{true, nil, object{}}}, {"c", "d"}}, false},
	{"no commas", []byte(`{"a":1 "b":2}`), object{{"a", int64(1)}, {"b", int64(2)}}, false},
	{"no commas in an array", []byte("[1 2\ttrue\"x\"]"), array{int64(1), int64(2), true, "x"}, false},
	{"every white space", []byte("[\x20\x09\x0d\x0a\x0c\x08]"), array{}, false},
	{"name as a string", x("7b8001613aa001800162a0027d"), object{{"a", int64(1)}, {"b", int64(2)}}, false},
	{"trailing comma in an object", []byte(`{"a":1,}`), object{{"a", int64(1)}}, false},
	{"the same name twice", []byte(`{"a":1,"a":2}`), object{{"a", int64(1)}, {"a", int64(2)}}, false},
	{"trailing comma in an array", []byte(`[1,]`), ErrSyntax, false},
	{"leading comma", []byte(`{,"a":1}`), ErrSyntax, false},
	{"leading comma in an array", []byte(`[,1]`), ErrSyntax, false},
	{"two commas", []byte(`{"a":1,,"b":2}`), ErrSyntax, false},
	{"two commas in an array", []byte(`[1,,2]`), ErrSyntax, false},
	{"comma alone", []byte(`{,}`), ErrSyntax, false},
	{"no colon", []byte(`{"a"1}`), ErrSyntax, false},
	{"colon after b4", x("7bb401613aa0017d"), ErrSyntax, false},
	{"no value", []byte(`{"a":}`), ErrSyntax, false},
	{"number for a name", []byte(`{1:2}`), ErrSyntax, false},
	{"null for a name", []byte(`{null:2}`), ErrSyntax, false},
	{"name not UTF-8", x("7bb401ffa0007d"), ErrSyntax, false},
	{"name cut", x("7bb40561"), ErrSyntax, false},
	{"wrong end", []byte(`{"a":1]`), ErrSyntax, false},
	{"wrong end of an array", []byte(`[1}`), ErrSyntax, false},
	{"unclosed", []byte(`{"a":1`), ErrSyntax, false},
	{"unclosed array", []byte(`[1`), ErrSyntax, false},
	{"name for a value", x("5bb40161a0005d"), ErrSyntax, false},
	{"byte order mark", []byte("\xef\xbb\xbf{}"), ErrSyntax, false},
	{"nothing", []byte(""), ErrSyntax, false},
	{"frame", x("f000"), ErrSyntax, false},
	{"deep enough", []byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)), deep(MaxDepth), false},
	{"too deep", []byte(strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)), ErrLimit, false},

	// JSON-C, draft §5.
	{"define and insert", x("5bc8208000c0205d"), array{"", ""}, false},
	{"codes of every size", x("5bc4208001" + "61" + "c900218001" + "62" + "ca000000228001" + "63" + "c020c10021c2000000225d"),
		array{"b", "c", "a", "b", "c"}, false},
	{"8 and 16 bits are one code", x("5bc8208001" + "61c100205d"), array{"a", "a"}, false},
	{"dictionary form", x("5bcc208001" + "61cd00218001" + "62ce000000228001" + "63c020c021c0225d"), array{"a", "b", "c"}, false},
	{"code of data", x("5bc820880101c0205d"), array{[]byte{1}, []byte{1}}, false},
	{"code of chunks", x("5bc820840161800162c0205d"), array{"ab", "ab"}, false},
	{"code of a quoted string", x("5bc820226122c0205d"), array{"a", "a"}, false},
	{"codes for names", x("7bc8208001" + "61a001c021a0027d"), ErrSyntax, false},
	{"code for a name", x("7bc4208001" + "61c020a001c8218001" + "623aa0027d"), object{{"a", int64(1)}, {"b", int64(2)}}, false},
	{"definition before an object", x("c42080016b7bc020a0017d"), object{{"k", int64(1)}}, false},
	{"data for a name", x("7bc820880161a0017d"), ErrSyntax, false},
	{"code defined twice", x("5bc8208001" + "61c8208001615d"), ErrSyntax, false},
	{"code not defined", x("c020"), ErrSyntax, false},
	{"code of an integer", x("c820a001"), ErrSyntax, false},
	{"code of a code", x("5bc8208000c821c0205d"), ErrSyntax, false},
	{"code of nothing", x("c820"), ErrSyntax, false},
	{"code cut", x("c1"), ErrSyntax, false},
	{"definition cut", x("c5"), ErrSyntax, false},
	{"8-byte code", x("c3000000000000000000"), ErrSyntax, false},
	{"definition alone", x("c4218000"), ErrSyntax, false},
	{"dictionary by fingerprint", x("d00000010001ff"), ErrSyntax, false},
}

// The forms a decoded value takes besides int64, float64, bool, string, []byte and nil.
type (
	object  []member
	array   []any
	skipped struct{} // well formed, of a kind that is not decoded
	member  struct {
		name  string
		value any
	}
)

func deep(n int) (v any) {
	v = array{}
	for range n - 1 {
		v = array{v}
	}
	return v
}

// x is the bytes of a hex text.
func x(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(s)
	}
	return b
}
