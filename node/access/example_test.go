package access_test

import (
	"fmt"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/access"
)

// A whole join: what Begin, Answer and Grant return goes over the wire in
// between.
func Example() {
	now := time.Now()
	account, _ := key.NewAccount()
	phone, _ := key.NewDevice()
	inviter := access.NewInviter(access.JoinDevice, access.NewCode(account.Author()), account, phone.Author(), now)

	// The code is typed on the laptop.
	code, _ := access.ParseCode(inviter.Code().String())
	laptop, _ := key.NewDevice()
	static, _ := key.NewStatic(key.X25519)
	joiner := access.NewJoiner(access.JoinDevice, code, "laptop", laptop.Author().Bytes(), static.Public().Bytes())

	one := joiner.Begin()
	two, _ := inviter.Answer(now, &one)
	three, _ := joiner.Answer(&two)
	newcomer, err := inviter.Prove(now, &three)
	fmt.Println(newcomer.Name, err)
	// The person compares fingerprints and says yes.
	four := inviter.Grant([]byte("the signed device fact"))
	fmt.Println(four.Step.Value, inviter.Over(now), joiner.Signer() == account.Author())
	// Output:
	// laptop <nil>
	// 4 true true
}
