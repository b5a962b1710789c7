package store_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/store"
)

func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// A fact to keep: a queued event, signed by its publisher.
	device, err := key.NewDevice()
	if err != nil {
		log.Fatal(err)
	}
	base := record.Base{Serial: 1, Time: 1_700_000_000, Expires: 1_700_086_400, Account: key.Hash{1}}
	fact, err := record.Sign(device, key.Hash{}, base, &record.Event{Channel: "main", Sequence: 1, Oldest: 1, Payload: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}

	s, err := store.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	err = s.Commit(context.Background(), store.Batch{
		Put:  []*record.Fact{fact},
		Meta: map[string][]byte{"boot": []byte("17")},
	})
	if err != nil {
		log.Fatal(err) // nothing was promised to anybody
	}
	// From here on the fact survives kill -9 and a power cut.
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}

	s, err = store.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Facts(func(f *record.Fact) error {
		fmt.Println(f.Kind, f.Hash() == fact.Hash())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	boot, err := s.Meta("boot")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("boot", string(boot))
	// Output:
	// event true
	// boot 17
}
