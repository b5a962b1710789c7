package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"meshpresence/node"
	"meshpresence/transport/udpport"
)

// Roles of a server process.
const (
	roleNode = "node" // a presence node
	roleEcho = "echo" // the least that a server does
	roleQUIC = "quic" // accepts connections with client certificates

	roleEngine = "engine" // an Endpoint alone, that has run for a while
)

// server is what a role runs.
type server struct {
	hello hello
	done  func() int // handshakes
	close func() error
}

// serve is the whole of a server process: it says where it listens, answers
// questions on its input, and goes when that ends.
func serve(o options) (err error) {
	// Ctrl-C reaches the whole group; the parent ends its children.
	signal.Ignore(os.Interrupt)
	if o.profile != "" {
		runtime.MemProfileRate = 512
		stop, err := profile(filepath.Join(o.profile, o.serve+".pprof"))
		if err != nil {
			return err
		}
		defer stop()
	}
	s, err := open(o)
	if err != nil {
		return err
	}
	defer s.close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(s.hello); err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var a answer
		switch in.Text() {
		case "heap":
			a.Heap = heap()
			if o.profile != "" {
				if err := profileHeap(filepath.Join(o.profile, o.serve+".heap.pprof")); err != nil {
					return err
				}
			}
		case "done":
			a.Done = s.done()
		case "rubbish":
			if a.Rubbish, err = rubbish(); err != nil {
				return err
			}
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

func open(o options) (server, error) {
	switch o.serve {
	case roleNode:
		return openNode(o.state)
	case roleEcho:
		return openEcho()
	case roleEngine:
		return openEngine()
	case roleQUIC:
		return openQUIC()
	}
	return server{}, fmt.Errorf("there is no server of the role %q", o.serve)
}

func profile(name string) (stop func(), err error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// profileHeap writes what is alive, and by whom it was made.
func profileHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

// heap is what is alive after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one's finalizers freed
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// openNode starts a presence node as an operator does, a realm of its own.
func openNode(state string) (server, error) {
	n, err := node.Start(context.Background(), node.Config{
		State: filepath.Join(state, "state"), Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
	})
	if err != nil {
		return server{}, err
	}
	return server{
		hello: hello{Address: n.DeviceAddress()},
		done:  func() int { return 0 },
		close: n.Close,
	}, nil
}

// openEcho answers every packet: the first two bytes say with how many bytes, at
// most as many as a packet has, and 0 is none.
func openEcho() (server, error) {
	p, err := udpport.Listen("127.0.0.1:0")
	if err != nil {
		return server{}, err
	}
	go func() {
		b, answer := new(udpport.Batch), make([]byte, udpport.MaxPacket)
		for {
			if _, err := p.ReadBatch(b); err != nil {
				return
			}
			for _, m := range b.Messages[:b.N] {
				if len(m.Data) < 2 {
					continue
				}
				if n := int(m.Data[0])<<8 | int(m.Data[1]); n > 0 && n <= len(answer) {
					copy(answer, m.Data)
					p.Send(m.Addr, answer[:n])
				}
			}
			if p.Flush() != nil {
				return
			}
		}
	}()
	return server{hello: hello{Addr: p.LocalAddr()}, done: func() int { return 0 }, close: p.Close}, nil
}
