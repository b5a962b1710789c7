package mpp_test

import (
	"fmt"

	"meshpresence/node/mpp"
)

func ExampleDecoder() {
	var d mpp.Decoder
	packet := (&mpp.Heartbeat{FromClient: mpp.FromClient{Serial: mpp.N(300)}}).Append(nil)
	m, err := d.Parse(packet)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch m := m.(type) {
	case *mpp.Heartbeat:
		fmt.Printf("%d bytes of %s, serial %d\n", len(packet), m.Tag(), m.Serial.Value)
	}
	// Output: 34 bytes of PresenceHeartbeat, serial 300
}

func ExampleCode() {
	code := mpp.CodeQuota
	fmt.Println(code, "exit", code.Exit())
	fmt.Println(code.Sentence())
	// Output:
	// 429 quota exit 4
	// Too much in too short a time; wait as long as the answer says, then try again.
}
