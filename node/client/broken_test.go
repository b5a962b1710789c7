package client

import (
	"errors"
	"sync/atomic"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/udpport"
)

// torn is a socket that cannot be read.
type torn struct{ *udpport.Port }

func (torn) ReadBatch(*udpport.Batch) (int, error) { return 0, errors.New("the network card is gone") }

// A socket that breaks is replaced, also when that works only later.
func TestBrokenSocketIsReplaced(t *testing.T) {
	var opened atomic.Int32
	whole := make(chan struct{})
	c := newClient(&Profile{book: newBook()}, Config{Listen: "127.0.0.1:0", Ports: func(addr string) (Port, error) {
		n := opened.Add(1)
		if n == 2 {
			return nil, errors.New("no sockets left")
		}
		p, err := udpport.Listen(addr)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			return torn{p}, nil
		}
		close(whole)
		return p, nil
	}})
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.listen(static); err != nil {
		t.Fatal(err)
	}
	<-whole
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// One that was to have a certain port leaves it to the next.
func TestBrokenSocketGivesItsPortBack(t *testing.T) {
	var wanted string // the loop's own, once the first is open
	whole := make(chan error, 1)
	var opened atomic.Int32
	c := newClient(&Profile{book: newBook()}, Config{Listen: "127.0.0.1:0", Ports: func(addr string) (Port, error) {
		if opened.Add(1) == 1 {
			p, err := udpport.Listen(addr)
			if err != nil {
				return nil, err
			}
			wanted = p.LocalAddr().String()
			return torn{p}, nil
		}
		p, err := udpport.Listen(wanted)
		select {
		case whole <- err:
		default:
		}
		if err != nil {
			return nil, err
		}
		return p, nil
	}})
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.listen(static); err != nil {
		t.Fatal(err)
	}
	if err := <-whole; err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
