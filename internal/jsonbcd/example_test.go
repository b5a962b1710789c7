package jsonbcd_test

import (
	"fmt"

	"meshpresence/internal/jsonbcd"
)

func Example() {
	b := jsonbcd.AppendObject(nil)
	b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "Serial"), 300)
	b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Service"), "alice@example.com")
	b = jsonbcd.AppendObjectEnd(b)

	r := jsonbcd.NewReader(b)
	if err := r.Object(); err != nil {
		fmt.Println(err)
	}
	for {
		name, ok, err := r.Next()
		if !ok {
			fmt.Println("end:", err)
			return
		}
		switch string(name) {
		case "Serial":
			serial, err := r.Int()
			fmt.Println("serial", serial, err)
		default: // members of a later version
			fmt.Println("skipped", r.Skip())
		}
	}
	// Output:
	// serial 300 <nil>
	// skipped <nil>
	// end: <nil>
}
