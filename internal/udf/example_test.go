package udf_test

import (
	"fmt"

	"meshpresence/internal/udf"
)

func ExampleDigest() {
	f := udf.Digest("text/plain", []byte("UDF Data Value"))
	fmt.Println(f)
	fmt.Println(f.Text(200))
	fmt.Println(udf.Match(f.String(), "mddk7n6a727ajznostrx"))
	// Output:
	// MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF
	// MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF-XI6O-ZSLU-2VOA
	// true
}

func ExampleCombine() {
	var shares [][]byte
	for _, text := range []string{"SAQM-JPZ2-TI3G-ZC4N-HNMZ-HREO-EVNC-A", "SARG-DHZN-QNJQ-MD47-B7YC-ZZKF-3UMI-S"} {
		share, err := udf.ParseType(text, udf.Share)
		if err != nil {
			fmt.Println(err)
		}
		shares = append(shares, share)
	}
	secret, err := udf.Combine(shares)
	fmt.Println(udf.Full(secret), err)
	// Output: OZHU-CJNI-D7EY-IUIO-I42D-ESL2-2I <nil>
}
