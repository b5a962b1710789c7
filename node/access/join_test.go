package access

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// start is a monotonic time; no test reads a clock.
var start = time.Now()

// pair is a code and both sides of its join.
type pair struct {
	t       testing.TB
	account *key.Account
	code    Code
	inviter *Inviter
	joiner  *Joiner
}

func newPair(t testing.TB) *pair {
	t.Helper()
	account := signerOf(t, 1)
	code := NewCode(account.Author())
	return &pair{
		t: t, account: account, code: code,
		inviter: NewInviter(JoinDevice, code, account, signerOf(t, 3).Author(), start),
		joiner:  NewJoiner(JoinDevice, code, "laptop", joinerKeys(t, 5)...),
	}
}

// joinerKeys are a device's, made of one byte.
func joinerKeys(t testing.TB, b byte) [][]byte {
	t.Helper()
	static, err := key.StaticFromSeed(key.X25519, bytes.Repeat([]byte{b + 1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{signerOf(t, b).Author().Bytes(), static.Public().Bytes()}
}

// wire is a step as the other side reads it.
func wire(t testing.TB, step mpp.JoinStep) *mpp.JoinStep {
	t.Helper()
	msg, err := mpp.Parse((&mpp.JoinRequest{JoinStep: step}).Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return &msg.(*mpp.JoinRequest).JoinStep
}

// answered and answers are steps 2 and 3 of an honest join.
func (p *pair) answered(one mpp.JoinStep) mpp.JoinStep {
	p.t.Helper()
	two, err := p.inviter.Answer(start, wire(p.t, one))
	if err != nil {
		p.t.Fatal(err)
	}
	return two
}

func (p *pair) answers(two mpp.JoinStep) mpp.JoinStep {
	p.t.Helper()
	three, err := p.joiner.Answer(wire(p.t, two))
	if err != nil {
		p.t.Fatal(err)
	}
	return three
}

func (p *pair) prove(three mpp.JoinStep) (Newcomer, error) {
	p.t.Helper()
	return p.inviter.Prove(start, wire(p.t, three))
}

func TestJoin(t *testing.T) {
	p := newPair(t)
	three := p.answers(p.answered(p.joiner.Begin()))
	if got := p.joiner.Signer(); got != p.account.Author() {
		t.Errorf("the joiner knows %x as the account's key", got)
	}
	who, err := p.prove(three)
	if err != nil || who.Name != "laptop" || !slices.EqualFunc(who.Keys, joinerKeys(t, 5), bytes.Equal) {
		t.Fatalf("proved %+v, %v", who, err)
	}
	four := p.inviter.Grant([]byte("fact"))
	if four.Step != mpp.N(4) || len(four.Facts) != 1 || !p.inviter.Over(start) {
		t.Errorf("granted %+v", four)
	}
}

// flips calls try with copies of a step that differ in one byte of one member.
func flips(step mpp.JoinStep, try func(what string, bent *mpp.JoinStep)) {
	bend := func(what string, b []byte, put func(*mpp.JoinStep, []byte)) {
		for i := range b {
			bent := step
			other := bytes.Clone(b)
			other[i] ^= 1
			put(&bent, other)
			try(what, &bent)
		}
	}
	bend("nonce", step.Nonce, func(s *mpp.JoinStep, b []byte) { s.Nonce = b })
	bend("name", []byte(step.Name), func(s *mpp.JoinStep, b []byte) { s.Name = string(b) })
	bend("mac", step.Mac, func(s *mpp.JoinStep, b []byte) { s.Mac = b })
	bend("signature", step.Signature, func(s *mpp.JoinStep, b []byte) { s.Signature = b })
	for i := range step.Keys {
		bend("key", step.Keys[i], func(s *mpp.JoinStep, b []byte) {
			s.Keys = slices.Clone(s.Keys)
			s.Keys[i] = b
		})
	}
}

// Whoever runs the relaying node changes one byte of what it relays.
func TestRelayThatBendsStepsLetsNobodyIn(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	flips(one, func(what string, bent *mpp.JoinStep) {
		inviter := NewInviter(JoinDevice, p.code, p.account, signerOf(t, 3).Author(), start)
		two, err := inviter.Answer(start, bent)
		if err != nil {
			return // read as no step at all
		}
		if _, err := p.joiner.Answer(&two); !errors.Is(err, ErrMAC) {
			t.Errorf("step 1 with another %s: the joiner says %v, want ErrMAC", what, err)
		}
	})
	two := p.answered(one)
	flips(two, func(what string, bent *mpp.JoinStep) {
		if _, err := p.joiner.Answer(bent); err == nil {
			t.Errorf("step 2 with another %s is taken", what)
		}
	})
	if p.joiner.Signer() != "" {
		t.Error("a bent step 2 left a signer")
	}
	three := p.answers(two)
	flips(three, func(what string, bent *mpp.JoinStep) {
		p.inviter.bad = 0
		if _, err := p.prove(*bent); !errors.Is(err, ErrMAC) {
			t.Errorf("step 3 with another %s: %v, want ErrMAC", what, err)
		}
	})
	if _, err := p.prove(three); err != nil {
		t.Errorf("the right step 3 after all: %v", err)
	}
}

// A relay puts its own keys, name or nonce in the place of the joiner's and
// shows each side the other's MACs.
func TestRelayThatSwapsKeysNamesAndNoncesLetsNobodyIn(t *testing.T) {
	for what, swap := range map[string]func(*mpp.JoinStep){
		"all keys":            func(s *mpp.JoinStep) { s.Keys = joinerKeys(t, 40) },
		"the agreement key":   func(s *mpp.JoinStep) { s.Keys = [][]byte{s.Keys[0], joinerKeys(t, 40)[1]} },
		"the signing key":     func(s *mpp.JoinStep) { s.Keys = [][]byte{joinerKeys(t, 40)[0], s.Keys[1]} },
		"the name":            func(s *mpp.JoinStep) { s.Name = "phone" },
		"the nonce":           func(s *mpp.JoinStep) { s.Nonce = make([]byte, mpp.NonceSize) },
		"a name into no name": func(s *mpp.JoinStep) { s.Name = "" },
	} {
		p := newPair(t)
		honest := p.answers(p.answered(p.joiner.Begin())) // a MAC of another T
		one := p.joiner.Begin()
		swap(&one)
		two, err := p.inviter.Answer(start, wire(t, one))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.joiner.Answer(wire(t, two)); !errors.Is(err, ErrMAC) {
			t.Errorf("%s: the joiner says %v, want ErrMAC", what, err)
		}
		if _, err := p.prove(honest); !errors.Is(err, ErrMAC) {
			t.Errorf("%s: the inviter says %v, want ErrMAC", what, err)
		}
	}
}

// A relay answers step 1 itself, with a key of its own.
func TestRelayThatPlaysTheInviterIsNotBelieved(t *testing.T) {
	p := newPair(t)
	one := wire(t, p.joiner.Begin())
	own := signerOf(t, 77)

	// It knows no code: neither pin nor MAC fit.
	fake, err := NewInviter(JoinDevice, p.code, own, own.Author(), start).Answer(start, one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.joiner.Answer(&fake); !errors.Is(err, ErrCode) {
		t.Errorf("another signing key: %v, want ErrCode", err)
	}
	// It saw the code over a shoulder: the MAC fits and the signature does not.
	fake.Keys[0] = p.account.Author().Bytes()
	said := transcript{
		kind: JoinDevice, signer: fake.Keys[0], inviter: fake.Keys[1], keys: one.Keys, name: one.Name,
		joinerNonce: one.Nonce, inviterNonce: fake.Nonce,
	}
	sum := said.sum()
	fake.Mac, fake.Signature = macOf(p.code.key(), ofInviter, sum), own.Sign(signed(sum))
	if _, err := p.joiner.Answer(&fake); !errors.Is(err, ErrMAC) {
		t.Errorf("another key's signature: %v, want ErrMAC", err)
	}
	// It has the account's key and not the code: the signature fits, the MAC does not.
	fake.Mac, fake.Signature = macOf(make([]byte, 32), ofInviter, sum), p.account.Sign(signed(sum))
	if _, err := p.joiner.Answer(&fake); !errors.Is(err, ErrMAC) {
		t.Errorf("a MAC under another key: %v, want ErrMAC", err)
	}
}

func TestReflectedMACProvesNothing(t *testing.T) {
	p := newPair(t)
	two := p.answered(p.joiner.Begin())
	three := mpp.JoinStep{Step: mpp.N(3), Id: two.Id, Mac: two.Mac}
	if _, err := p.prove(three); !errors.Is(err, ErrMAC) {
		t.Errorf("the inviter's MAC as the joiner's: %v, want ErrMAC", err)
	}
}

// A relay keeps step 2 of one code and shows it to the joiner of another, of the
// same account, under its Id.
func TestStepTwoOfAnotherCodeIsRefused(t *testing.T) {
	a, b := newPair(t), newPair(t)
	one := a.joiner.Begin()
	id := b.code.ID()
	one.Id = id[:]
	two := b.answered(one)
	id = a.code.ID()
	two.Id = id[:]
	if _, err := a.joiner.Answer(wire(t, two)); !errors.Is(err, ErrMAC) {
		t.Errorf("step 2 of another code: %v, want ErrMAC", err)
	}
	// and the step 2 of an earlier try of the same joiner with the same code
	two = a.answered(a.joiner.Begin())
	again := NewJoiner(JoinDevice, a.code, "laptop", joinerKeys(t, 5)...)
	if _, err := again.Answer(wire(t, two)); !errors.Is(err, ErrMAC) {
		t.Errorf("step 2 of an earlier try: %v, want ErrMAC", err)
	}
}

// A code for a device is worth nothing where a node would join, whatever the
// relay makes of the steps.
func TestSwappedKindsAreRefused(t *testing.T) {
	account := signerOf(t, 1)
	code := NewCode(account.Author())
	inviter := NewInviter(JoinNode, code, account, account.Author(), start)
	joiner := NewJoiner(JoinDevice, code, "laptop", joinerKeys(t, 5)...)
	one := joiner.Begin()
	two, err := inviter.Answer(start, &one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := joiner.Answer(&two); !errors.Is(err, ErrMAC) {
		t.Errorf("the joiner says %v, want ErrMAC", err)
	}
}

// Whoever read every step of a join has nothing of use at any code, this one
// included, before it was used and after.
func TestReaderOfEveryStepCannotJoin(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	two := p.answered(one)
	three := p.answers(two)

	mine := one
	mine.Keys = joinerKeys(t, 40)
	if _, err := p.inviter.Answer(start, &mine); err != nil {
		t.Fatal(err)
	}
	if _, err := p.prove(three); !errors.Is(err, ErrMAC) {
		t.Errorf("own keys with a MAC overheard: %v, want ErrMAC", err)
	}
	three = p.answers(p.answered(one))
	who, err := p.prove(three)
	if err != nil || !bytes.Equal(who.Keys[0], one.Keys[0]) {
		t.Fatalf("replayed as they were: %+v, %v; want the joiner itself", who, err)
	}
	p.inviter.Grant()
	if _, err := p.inviter.Answer(start, &one); !errors.Is(err, ErrCodeOver) {
		t.Errorf("step 1 replayed to a used code: %v", err)
	}
	if _, err := p.prove(three); !errors.Is(err, ErrCodeOver) {
		t.Errorf("step 3 replayed to a used code: %v", err)
	}
	other := newPair(t)
	id := other.code.ID()
	one.Id, three.Id = id[:], id[:]
	other.answered(one)
	if _, err := other.prove(three); !errors.Is(err, ErrMAC) {
		t.Errorf("steps replayed to another code: %v", err)
	}
}

// What goes over the wire holds neither the code nor anything that gives it away.
func TestStepsDoNotHoldTheCode(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	two := p.answered(one)
	three := p.answers(two)
	if _, err := p.prove(three); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, s := range []mpp.JoinStep{one, two, three, p.inviter.Grant()} {
		all = (&mpp.JoinRequest{JoinStep: s}).Append(all)
	}
	for what, secret := range map[string][]byte{"the code": []byte(p.code.String()), "its random bytes": p.code.secret[:], "K": p.code.key()} {
		if bytes.Contains(all, secret) {
			t.Errorf("the steps hold %s", what)
		}
	}
}

// "five bad MACs end it."
func TestFiveGuessedMACsEndACode(t *testing.T) {
	p := newPair(t)
	right := p.answers(p.answered(p.joiner.Begin()))
	guess := right
	guess.Mac = make([]byte, mpp.MACSize)
	for i := range MaxBadMACs - 1 {
		if _, err := p.prove(guess); !errors.Is(err, ErrMAC) {
			t.Fatalf("guess %d: %v, want ErrMAC", i+1, err)
		}
		// another step 1 between two guesses gives no new five
		other := NewJoiner(JoinDevice, Code{}, "guesser", joinerKeys(t, 40)...).Begin()
		other.Id = right.Id
		p.answered(other)
	}
	p.answered(p.joiner.Begin())
	if _, err := p.prove(guess); !errors.Is(err, ErrCodeOver) || !p.inviter.Over(start) {
		t.Fatalf("the fifth guess: %v, want ErrCodeOver", err)
	}
	if _, err := p.prove(right); !errors.Is(err, ErrCodeOver) {
		t.Errorf("the right one after five guesses: %v, want ErrCodeOver", err)
	}
}

func TestMACsOfNoOrWrongLengthAreGuesses(t *testing.T) {
	p := newPair(t)
	right := p.answers(p.answered(p.joiner.Begin()))
	for _, mac := range [][]byte{nil, {}, right.Mac[:31], append(bytes.Clone(right.Mac), 0)} {
		if _, err := p.inviter.Prove(start, &mpp.JoinStep{Step: mpp.N(3), Id: right.Id, Mac: mac}); !errors.Is(err, ErrMAC) {
			t.Errorf("a MAC of %d bytes: %v, want ErrMAC", len(mac), err)
		}
	}
}

func TestOldCodeIsOver(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	almost, end := start.Add(CodeLife-1), start.Add(CodeLife)
	two, err := p.inviter.Answer(almost, &one)
	if err != nil {
		t.Fatalf("just before its end: %v", err)
	}
	three := p.answers(two)
	if _, err := p.inviter.Answer(end, &one); !errors.Is(err, ErrCodeOver) {
		t.Errorf("step 1 at its end: %v", err)
	}
	if _, err := p.inviter.Prove(end, &three); !errors.Is(err, ErrCodeOver) || !p.inviter.Over(end) {
		t.Errorf("step 3 at its end: %v", err)
	}
}

// The wire repeats: the same step 1 gets the same step 2, the same step 3 proves
// again, and step 4 is said again to who proved.
func TestRepeatedStepsChangeNothing(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	first, second := p.answered(one), p.answered(one)
	if !bytes.Equal(first.Nonce, second.Nonce) || !bytes.Equal(first.Signature, second.Signature) {
		t.Error("the same step 1 got another step 2")
	}
	three := p.answers(first)
	for range 2 {
		if _, err := p.prove(three); err != nil {
			t.Fatal(err)
		}
		if again := p.answered(one); !bytes.Equal(again.Mac, first.Mac) {
			t.Error("a late step 1 got another step 2")
		}
	}
	if _, ok := p.inviter.Repeat(start, &three); ok {
		t.Error("step 4 was repeated before it was said")
	}
	p.inviter.Grant([]byte("fact"))
	if four, ok := p.inviter.Repeat(start, &three); !ok || len(four.Facts) != 1 {
		t.Error("step 4 was not repeated")
	}
	guess := mpp.JoinStep{Step: mpp.N(3), Id: three.Id, Mac: first.Mac}
	if _, ok := p.inviter.Repeat(start, &guess); ok {
		t.Error("step 4 was repeated for a guess")
	}
	if _, ok := p.inviter.Repeat(start.Add(CodeLife), &three); ok {
		t.Error("step 4 was repeated after the code's life")
	}
}

func TestNewerStepOneReplacesUntilOneIsProved(t *testing.T) {
	p := newPair(t)
	p.answered(NewJoiner(JoinDevice, p.code, "first", joinerKeys(t, 40)...).Begin())
	three := p.answers(p.answered(p.joiner.Begin()))
	if who, err := p.prove(three); err != nil || who.Name != "laptop" {
		t.Fatalf("the second: %+v, %v", who, err)
	}
	late := NewJoiner(JoinDevice, p.code, "late", joinerKeys(t, 40)...).Begin()
	if _, err := p.inviter.Answer(start, &late); !errors.Is(err, ErrStep) {
		t.Errorf("a third after the second proved: %v, want ErrStep", err)
	}
}

func TestStepsOutOfTurn(t *testing.T) {
	p := newPair(t)
	one := p.joiner.Begin()
	three := mpp.JoinStep{Step: mpp.N(3), Id: one.Id, Mac: make([]byte, mpp.MACSize)}
	if _, err := p.inviter.Prove(start, &three); !errors.Is(err, ErrStep) {
		t.Errorf("step 3 first: %v, want ErrStep", err)
	}
	if _, err := p.inviter.Answer(start, &three); !errors.Is(err, ErrStep) {
		t.Errorf("step 3 as step 1: %v, want ErrStep", err)
	}
	if _, err := p.joiner.Answer(&one); !errors.Is(err, ErrStep) {
		t.Errorf("step 1 as step 2: %v, want ErrStep", err)
	}
	p.inviter.End()
	if _, err := p.inviter.Answer(start, &one); !errors.Is(err, ErrCodeOver) {
		t.Errorf("after its person ended it: %v, want ErrCodeOver", err)
	}
}

// A name is shown to the inviter's person: it cannot draw on the terminal.
func TestNamesThatATerminalWouldObeyAreRefused(t *testing.T) {
	p := newPair(t)
	for _, name := range []string{"\x1b[2J", "a\nb", "\u202egnp", "\xff", strings.Repeat("x", MaxName+1), "\x00"} {
		one := p.joiner.Begin()
		one.Name = name
		if _, err := p.inviter.Answer(start, &one); !errors.Is(err, ErrStep) {
			t.Errorf("name %q: %v, want ErrStep", name, err)
		}
		if got := NewJoiner(JoinDevice, p.code, name+"é x", joinerKeys(t, 5)...).Begin(); got.Name != cleanName(got.Name) || len(got.Name) > MaxName {
			t.Errorf("name %q is sent as %q", name, got.Name)
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	p := newPair(t)
	good := joinerKeys(t, 5)
	for _, keys := range [][][]byte{
		nil, {good[0]}, {good[1], good[0][:5]}, {good[0], good[1], good[1]}, {good[0], nil}, {{9}, good[1]},
	} {
		one := p.joiner.Begin()
		one.Keys = keys
		if _, err := p.inviter.Answer(start, &one); !errors.Is(err, ErrStep) {
			t.Errorf("%d keys: %v, want ErrStep", len(keys), err)
		}
	}
	two := p.answered(p.joiner.Begin())
	for _, keys := range [][][]byte{nil, {two.Keys[0]}, {two.Keys[0], {1}}, {{1}, two.Keys[1]}} {
		bent := two
		bent.Keys = keys
		if _, err := p.joiner.Answer(&bent); !errors.Is(err, ErrStep) {
			t.Errorf("step 2 with %d keys: %v, want ErrStep", len(keys), err)
		}
	}
}

// An account may have an Ed448 key and an X448 device.
func TestLongKeys(t *testing.T) {
	account, err := key.AccountFromSeed(bytes.Repeat([]byte{2}, 57))
	if err != nil {
		t.Fatal(err)
	}
	static, err := key.StaticFromSeed(key.X448, bytes.Repeat([]byte{6}, 56))
	if err != nil {
		t.Fatal(err)
	}
	code := NewCode(account.Author())
	p := &pair{
		t: t, account: account, code: code, inviter: NewInviter(JoinDevice, code, account, signerOf(t, 3).Author(), start),
		joiner: NewJoiner(JoinDevice, code, "laptop", account.Author().Bytes(), static.Public().Bytes()),
	}
	if _, err := p.prove(p.answers(p.answered(p.joiner.Begin()))); err != nil {
		t.Error(err)
	}
}
