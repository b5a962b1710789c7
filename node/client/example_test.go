package client_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"meshpresence/node"
	"meshpresence/node/client"
)

// startNode runs a node for the examples; a device needs nothing but its
// address.
func startNode(dir string) *node.Node {
	n, err := node.Start(context.Background(), nodeConfig(dir))
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func tempDir() (string, func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// A device makes an account at a node, watches it, and hears its own post.
func Example() {
	dir, remove := tempDir()
	defer remove()
	n := startNode(dir)
	defer n.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	phone, err := client.NewProfile(filepath.Join(dir, "phone"), "phone")
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Dial(phone, client.Config{Node: n.DeviceAddress()})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.CreateAccount(ctx, []byte("a passphrase"), ""); err != nil {
		log.Fatal(err)
	}
	receipt, err := c.Publish(ctx, client.Post{Data: []byte("dinner is ready")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("code", int(receipt.Code), "copies", receipt.Copies)
	for e, err := range c.Watch(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %s #%d: %s\n", e.Name, e.Channel, e.Sequence, e.Data)
		break
	}
	// Output:
	// code 200 copies 1
	// phone, main #1: dinner is ready
}

// A second device is added by one that holds the account's key. It was not there
// when the post was made, and may read what is still kept. Closed and opened
// again, it goes on where it was.
func ExampleClient_AddDevice() {
	dir, remove := tempDir()
	defer remove()
	n := startNode(dir)
	defer n.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cfg := client.Config{Node: n.DeviceAddress()}

	phone, err := client.NewProfile(filepath.Join(dir, "phone"), "phone")
	if err != nil {
		log.Fatal(err)
	}
	first, err := client.Dial(phone, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	if err := first.CreateAccount(ctx, nil, ""); err != nil {
		log.Fatal(err)
	}
	if _, err := first.Publish(ctx, client.Post{Label: "door", Data: []byte("open")}); err != nil {
		log.Fatal(err)
	}

	laptop, err := client.NewProfile(filepath.Join(dir, "laptop"), "laptop")
	if err != nil {
		log.Fatal(err)
	}
	invitation, err := first.AddDevice(ctx, laptop.Card(), client.RoleWatch|client.RolePublish, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := laptop.Join(invitation); err != nil {
		log.Fatal(err)
	}
	watchOne(ctx, laptop, cfg)

	if _, err := first.Publish(ctx, client.Post{Label: "door", Data: []byte("shut")}); err != nil {
		log.Fatal(err)
	}
	again, err := client.OpenProfile(laptop.Dir())
	if err != nil {
		log.Fatal(err)
	}
	watchOne(ctx, again, cfg)
	// Output:
	// door is open
	// door is shut
}

// watchOne opens a profile, prints one status and closes it.
func watchOne(ctx context.Context, p *client.Profile, cfg client.Config) {
	c, err := client.Dial(p, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for e, err := range c.Watch(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s is %s\n", e.Label, e.Data)
		return
	}
}

// A device joins by code: the one side shows it and asks its person, the other
// types it.
func ExampleClient_InviteDevice() {
	dir, remove := tempDir()
	defer remove()
	n := startNode(dir)
	defer n.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cfg := client.Config{Node: n.DeviceAddress()}
	open := func(name string) *client.Client {
		p, err := client.NewProfile(filepath.Join(dir, name), name)
		if err != nil {
			log.Fatal(err)
		}
		c, err := client.Dial(p, cfg)
		if err != nil {
			log.Fatal(err)
		}
		return c
	}

	phone := open("phone")
	defer phone.Close()
	if err := phone.CreateAccount(ctx, nil, ""); err != nil {
		log.Fatal(err)
	}
	offer, err := phone.InviteDevice(ctx, client.RoleWatch, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer offer.Close()

	laptop := open("laptop")
	defer laptop.Close()
	joined := make(chan error)
	go func() { joined <- laptop.JoinAccount(ctx, offer.Code()) }()

	who, err := offer.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if who.Fingerprint == laptop.Profile().Fingerprint() { // a person compares
		err = offer.Accept(ctx)
	} else {
		err = offer.Refuse(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := <-joined; err != nil {
		log.Fatal(err)
	}
	fmt.Println(who.Name, "is in:", laptop.Profile().Account() == phone.Profile().Account())
	// Output:
	// laptop is in: true
}
