// Command device is a device of the docker testnet: it makes an account or joins
// one by code, then publishes and watches until it is stopped. It prints a line
// for each thing that happens:
//
//	NAME at NODE                       a node serves it, the first time or anew
//	NAME published #N                  acknowledged
//	NAME heard WHO #N at NODE after D  D since WHO sent it; the containers share a clock
//
// The image holds no shell, so what a person would carry from screen to screen,
// the code, it leaves in a directory that the devices share.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := device{nodes: []string{"n1", "n2", "n3", "n4"}}
	invite := ""
	flag.StringVar(&d.name, "name", "", "the device's name")
	flag.StringVar(&d.meet, "meet", "", "the node through which devices join")
	flag.StringVar(&d.node, "node", "", "the node to use then")
	flag.StringVar(&d.profile, "profile", "/profile/device", "the device's directory")
	flag.StringVar(&d.shared, "shared", "/shared", "where codes are left")
	flag.StringVar(&invite, "invite", "", "make the account and invite these devices, separated by commas")
	flag.DurationVar(&d.every, "every", 2*time.Second, "how often to publish")
	flag.Parse()
	if invite != "" {
		d.invite = strings.Split(invite, ",")
	}
	if err := d.run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "device %s: %v\n", d.name, err)
		os.Exit(1)
	}
}

// device is one household device.
type device struct {
	name, meet, node string
	profile, shared  string
	invite, nodes    []string
	every            time.Duration
}

// heartbeat is short, so that a killed node is missed soon.
const heartbeat = 3 * time.Second

// run lives the device's life until ctx ends.
func (d *device) run(ctx context.Context) error {
	p, err := client.OpenProfile(d.profile)
	if errors.Is(err, client.ErrNoProfile) {
		p, err = client.NewProfile(d.profile, d.name)
	}
	if err != nil {
		return err
	}
	if err := d.belong(ctx, p); err != nil {
		return err
	}
	c, err := d.dial(p, d.node)
	if err != nil {
		return err
	}
	defer c.Close()
	go d.publish(ctx, c)
	return d.watch(ctx, c)
}

// dial goes to a node by its name; the key found there the first time is pinned.
func (d *device) dial(p *client.Profile, node string) (*client.Client, error) {
	return client.Dial(p, client.Config{Node: "mpp://" + node, TrustFirst: true, Heartbeat: heartbeat})
}

// belong makes the account or joins it, unless that is done.
func (d *device) belong(ctx context.Context, p *client.Profile) error {
	c, err := d.dial(p, d.meet)
	if err != nil {
		return err
	}
	defer c.Close()
	if d.invite == nil {
		return d.join(ctx, c)
	}
	if len(p.Homes()) == 0 {
		if err := c.CreateAccount(ctx, nil, ""); err != nil {
			return err
		}
	}
	for _, name := range d.invite {
		if err := d.add(ctx, c, name); err != nil {
			return fmt.Errorf("inviting the %s: %w", name, err)
		}
	}
	return nil
}

// add invites one device, unless it came before.
func (d *device) add(ctx context.Context, c *client.Client, name string) error {
	if _, err := c.Profile().FindDevice(name); err == nil {
		return nil
	}
	offer, err := c.InviteDevice(ctx, client.RoleWatch|client.RolePublish, nil)
	if err != nil {
		return err
	}
	defer offer.Close()
	if err := leave(filepath.Join(d.shared, name+".code"), offer.Text()); err != nil {
		return err
	}
	who, err := offer.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s lets in %s %s\n", d.name, who.Name, who.Fingerprint)
	return offer.Accept(ctx)
}

// leave writes a file in one step.
func leave(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// join waits for this device's code and joins the account with it.
func (d *device) join(ctx context.Context, c *client.Client) error {
	if c.Profile().Account() != "" {
		return nil
	}
	path := filepath.Join(d.shared, d.name+".code")
	for {
		code, err := os.ReadFile(path)
		if err == nil {
			return c.JoinAccount(ctx, string(code))
		}
		if err := wait(ctx, time.Second/4); err != nil {
			return err
		}
	}
}

// publish posts a number and the time, again and again.
func (d *device) publish(ctx context.Context, c *client.Client) {
	for {
		if wait(ctx, d.every) != nil {
			return
		}
		r, err := c.Publish(ctx, client.Post{Data: strconv.AppendInt(nil, time.Now().UnixNano(), 10)})
		if err != nil {
			fmt.Printf("%s could not publish: %v\n", d.name, err)
			continue
		}
		fmt.Printf("%s published #%d\n", d.name, r.Sequence)
	}
}

// watch prints what comes, and the node where it came, until ctx ends.
func (d *device) watch(ctx context.Context, c *client.Client) error {
	at := ""
	for e, err := range c.Watch(ctx) {
		if err != nil {
			fmt.Printf("%s misses something: %v\n", d.name, err)
			continue
		}
		if now := d.nodeName(ctx, e.Node); now != at {
			at = now
			fmt.Printf("%s at %s\n", d.name, at)
		}
		if sent, err := strconv.ParseInt(string(e.Data), 10, 64); err == nil && e.Name != d.name {
			fmt.Printf("%s heard %s #%d at %s after %v\n", d.name, e.Name, e.Sequence, at, time.Since(time.Unix(0, sent)).Round(time.Millisecond/10))
		}
	}
	return ctx.Err()
}

// nodeName is the name of a node in these networks: devices learn the others as
// addresses.
func (d *device) nodeName(ctx context.Context, address string) string {
	a, err := discovery.ParseAddress(address)
	if err != nil {
		return "none"
	}
	for _, name := range d.nodes {
		found, _ := net.DefaultResolver.LookupHost(ctx, name)
		for _, ip := range found {
			if name == a.Host || ip == a.Host {
				return name
			}
		}
	}
	return a.Host
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
