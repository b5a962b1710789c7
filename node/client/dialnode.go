package client

import (
	"cmp"
	"time"

	"meshpresence/internal/key"
)

// nodeHeartbeat is the pace of a client that no device stands behind: a link that
// died is noticed while a person still looks at the code.
const nodeHeartbeat = 5 * time.Second

// DialNode opens the way to cfg.Node for acts of a realm: it shows no device but
// a key made for this connection, and keeps nothing on disk.
func DialNode(cfg Config) (*Client, error) {
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		return nil, err
	}
	return dialAs(static, "", cfg)
}

// dialAs opens the way to a node with this agreement key.
func dialAs(static *key.Static, name string, cfg Config) (*Client, error) {
	device, err := key.NewDevice()
	if err != nil {
		return nil, err
	}
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, nodeHeartbeat)
	p := &Profile{device: device, static: static, labels: key.NewSecret(), book: newBook()}
	p.meta = meta{Schema: profileSchema, Name: name}
	return Dial(p, cfg)
}

// fleeting reports whether a profile has no directory: what it knows ends with
// the process.
func (p *Profile) fleeting() bool { return p.dir == "" }
