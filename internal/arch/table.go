package arch

import (
	"slices"
	"strings"
)

// Module is the path of this module.
const Module = "meshpresence"

// Floors with a rule of their own.
const (
	// RoomFloor is where the node's rooms stand side by side; none knows
	// another, node joins them.
	RoomFloor = 5
	// TestFloor is above everything: testnet and its parts.
	TestFloor = 9
)

// Limits of the house.
const (
	// MaxLines is the length that a file which is no test stays under.
	MaxLines = 600
	// MaxGo is the number of go statements in the product, each of which has
	// an owner and an end and is listed in node/doc.go.
	MaxGo = 15
)

// Row is one package and what it may import besides the standard library and
// lower floors.
type Row struct {
	Floor   int
	Path    string   // below the module
	Same    []string // packages on its own floor
	Modules []string // third-party modules
	Only    []string // if set, the only packages of this module
	Any     bool     // all packages of this module that have a row
}

// Third-party modules, each with its reason to be here.
const (
	barcode    = "github.com/boombuler/barcode"         // QR codes: no dependencies, kept, chooses the mask
	bbolt      = "go.etcd.io/bbolt"                     // the store's backend: one file, fsync when asked
	circl      = "github.com/cloudflare/circl"          // Ed448 and X448, which std lacks, and X25519 faster than its own
	crypto     = "golang.org/x/crypto"                  // ChaCha20-Poly1305, Argon2, SHA-3 and HKDF of the drafts
	datastore  = "github.com/ipfs/go-datastore"         // the store's interface
	kong       = "github.com/alecthomas/kong"           // commands, flags and their help from structs
	libp2p     = "github.com/libp2p/go-libp2p"          // node to node transport
	multiaddr  = "github.com/multiformats/go-multiaddr" // libp2p's addresses
	prometheus = "github.com/prometheus/client_golang"  // metrics in the form that operators scrape
	pubsub     = "github.com/libp2p/go-libp2p-pubsub"   // gossip
	quic       = "github.com/quic-go/quic-go"           // what the bench compares handshakes with; libp2p brings it
	xnet       = "golang.org/x/net"                     // sockets, multicast, DNS messages
	xsys       = "golang.org/x/sys"                     // system calls and processor features that std does not export
	xterm      = "golang.org/x/term"                    // terminal size, and passphrases without echo
)

// TestModules may be imported by any test.
var TestModules = []string{
	"go.uber.org/goleak", // no loop outlives its owner
	"pgregory.net/rapid", // state machines against a model
}

// Table is the house, lowest floor first.
var Table = []Row{
	{Floor: 0, Path: "internal/arch"},
	{Floor: 0, Path: "internal/jsonbcd"},
	{Floor: 0, Path: "internal/limit"},
	{Floor: 0, Path: "internal/replay"},
	{Floor: 0, Path: "internal/udf", Modules: []string{crypto}},
	{Floor: 0, Path: "internal/wall"},

	{Floor: 1, Path: "internal/key", Modules: []string{crypto, circl}},
	{Floor: 1, Path: "transport/rud/wire"},

	{Floor: 2, Path: "internal/record"},
	// circl is for the tests' model of the key schedule, which shares nothing with key
	{Floor: 2, Path: "transport/rud/handshake", Modules: []string{circl, crypto, xsys}},

	{Floor: 3, Path: "discovery"},
	{Floor: 3, Path: "node/mpp"},
	{Floor: 3, Path: "transport/punch", Same: []string{"discovery"}},
	{Floor: 3, Path: "transport/rud", Modules: []string{crypto}},
	{Floor: 3, Path: "transport/udpport", Modules: []string{xnet, xsys}},

	{Floor: 4, Path: "discovery/mdns", Modules: []string{xnet}},
	{Floor: 4, Path: "discovery/srv"},
	{Floor: 4, Path: "discovery/static"},
	{Floor: 4, Path: "transport/httpport"},

	{Floor: 5, Path: "node/access"},
	{Floor: 5, Path: "node/notify"},
	{Floor: 5, Path: "node/registry"},
	{Floor: 5, Path: "node/session"},
	{Floor: 5, Path: "node/store", Modules: []string{datastore, bbolt}},

	{Floor: 6, Path: "node/admin", Modules: []string{prometheus}},
	{Floor: 6, Path: "node/client"},
	{Floor: 6, Path: "node/federation", Modules: []string{libp2p, pubsub, multiaddr}},
	{Floor: 6, Path: "node/meshweb"},

	{Floor: 7, Path: "node"},

	// besides its two rooms the tool knows the form of a node's address, and
	// looks for nodes on the local network
	{Floor: 8, Path: "cmd/presence", Modules: []string{barcode, kong, xterm}, Only: []string{"node/client", "node/admin", "discovery", "discovery/mdns"}},
	{Floor: 8, Path: "cmd/presenced", Modules: []string{kong, xterm}},

	{Floor: TestFloor, Path: "testnet", Modules: []string{xterm}, Only: []string{"node", "node/client"}},
	{Floor: TestFloor, Path: "testnet/bench", Any: true, Modules: []string{quic, xsys}},
	{Floor: TestFloor, Path: "testnet/checks", Any: true},
	{Floor: TestFloor, Path: "testnet/docker", Any: true},
	{Floor: TestFloor, Path: "testnet/docker/device", Any: true},
	{Floor: TestFloor, Path: "testnet/hostile", Any: true, Modules: []string{libp2p, multiaddr, xsys}},
	{Floor: TestFloor, Path: "testnet/lab", Any: true, Modules: []string{xsys}},
	{Floor: TestFloor, Path: "testnet/ports", Any: true},
	{Floor: TestFloor, Path: "testnet/sim", Any: true},
	{Floor: TestFloor, Path: "testnet/swarm", Any: true},
}

// Root lists what the top level of the repository holds besides dot-files.
var Root = []string{
	"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "go.mod", "go.sum",
	"cmd", "discovery", "internal", "node", "testnet", "transport",
}

// Find gives the row of a package of this module.
func Find(path string) (Row, bool) {
	i := slices.IndexFunc(Table, func(r Row) bool { return r.Path == path })
	if i < 0 {
		return Row{}, false
	}
	return Table[i], true
}

// Allows says whether a file of the package may import path; test is for files
// that go test alone builds, which may import all of this module.
func (r Row) Allows(path string, test bool) bool {
	if isStd(path) {
		return true
	}
	if ours, ok := strings.CutPrefix(path, Module+"/"); ok {
		return test || r.allowsOurs(ours)
	}
	in := func(module string) bool { return path == module || strings.HasPrefix(path, module+"/") }
	return slices.ContainsFunc(r.Modules, in) || test && slices.ContainsFunc(TestModules, in)
}

// allowsOurs is Allows for a package of this module.
func (r Row) allowsOurs(path string) bool {
	other, ok := Find(path)
	switch {
	case !ok:
		return false
	case r.Any:
		return true
	case r.Only != nil:
		return slices.Contains(r.Only, path)
	case other.Floor == r.Floor:
		return slices.Contains(r.Same, path)
	}
	return other.Floor < r.Floor
}

// isStd says whether path is of the standard library: its first element is no
// domain name, and not this module.
func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != Module
}
