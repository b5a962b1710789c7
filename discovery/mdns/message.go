package mdns

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"meshpresence/internal/udf"
)

// Names of the service.
const (
	serviceName = "_mmmpresence._udp.local."
	// metaName asks which services there are, RFC 6763 §9.
	metaName = "_services._dns-sd._udp.local."
)

// keys of the TXT record.
const (
	keyFingerprint = "fp="
	keyPeers       = "p2p="
)

const (
	// topBit of a class: in a question it asks for a unicast answer, in a
	// record it says that older ones are void (RFC 6762 §18.12, §10.2).
	topBit = 1 << 15
	unique = dnsmessage.ClassINET | topBit
	// shortGroups is how many groups of the fingerprint name the instance.
	shortGroups = 3
)

// service is the records of a node, but for its addresses.
type service struct {
	instance, host string
	port           uint16
	text           []string
}

func newService(cfg Config) service {
	short := strings.Join(strings.SplitN(cfg.Fingerprint, "-", shortGroups+1)[:shortGroups], "-")
	return service{
		instance: short + "." + serviceName,
		host:     "mpp-" + strings.ToLower(strings.ReplaceAll(short, "-", "")) + ".local.",
		port:     cfg.Port,
		text:     text(cfg),
	}
}

// text is the TXT record. A key counts once (RFC 6763 §6.4), so the peers'
// addresses share a string.
func text(cfg Config) []string {
	list := []string{keyFingerprint + cfg.Fingerprint}
	peers := keyPeers
	for _, p := range cfg.Peers {
		if !isPeer(p) || len(peers)+1+len(p) > maxString {
			continue
		}
		if peers != keyPeers {
			peers += ","
		}
		peers += p
	}
	if peers != keyPeers {
		list = append(list, peers)
	}
	return list
}

// question asks who offers the service.
func question() ([]byte, error) {
	name, err := dnsmessage.NewName(serviceName)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}}}
	return m.Pack()
}

// answer is all that a node has to say on a link; gone is its goodbye.
func (s service) answer(addrs []netip.Addr, gone bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, add := range []func(*dnsmessage.Builder, bool) error{s.addPTR, s.addSRV, s.addTXT} {
		if err := add(&b, gone); err != nil {
			return nil, fmt.Errorf("announcing a node: %w", err)
		}
	}
	for _, a := range addrs[:min(len(addrs), maxAddrs)] {
		if err := s.addAddress(&b, a, gone); err != nil {
			return nil, fmt.Errorf("announcing a node: %w", err)
		}
	}
	return b.Finish()
}

// header starts a record; a TTL of 0 says goodbye (RFC 6762 §10.1).
func header(name string, class dnsmessage.Class, ttl uint32, gone bool) (dnsmessage.ResourceHeader, error) {
	n, err := dnsmessage.NewName(name)
	if gone {
		ttl = 0
	}
	return dnsmessage.ResourceHeader{Name: n, Class: class, TTL: ttl}, err
}

func (s service) addPTR(b *dnsmessage.Builder, gone bool) error {
	h, err := header(serviceName, dnsmessage.ClassINET, ttlOther, gone) // others have such records too
	if err != nil {
		return err
	}
	instance, err := dnsmessage.NewName(s.instance)
	if err != nil {
		return err
	}
	return b.PTRResource(h, dnsmessage.PTRResource{PTR: instance})
}

func (s service) addSRV(b *dnsmessage.Builder, gone bool) error {
	h, err := header(s.instance, unique, ttlHost, gone)
	if err != nil {
		return err
	}
	host, err := dnsmessage.NewName(s.host)
	if err != nil {
		return err
	}
	return b.SRVResource(h, dnsmessage.SRVResource{Port: s.port, Target: host})
}

func (s service) addTXT(b *dnsmessage.Builder, gone bool) error {
	h, err := header(s.instance, unique, ttlOther, gone)
	if err != nil {
		return err
	}
	return b.TXTResource(h, dnsmessage.TXTResource{TXT: s.text})
}

func (s service) addAddress(b *dnsmessage.Builder, a netip.Addr, gone bool) error {
	h, err := header(s.host, unique, ttlHost, gone)
	if err != nil {
		return err
	}
	if a.Is4() {
		return b.AResource(h, dnsmessage.AResource{A: a.As4()})
	}
	return b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()})
}

// meta names the service for who asks which ones there are.
func (s service) meta() ([]byte, error) {
	h, err := header(metaName, dnsmessage.ClassINET, ttlOther, false)
	if err != nil {
		return nil, err
	}
	name, err := dnsmessage.NewName(serviceName)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:  dnsmessage.Header{Response: true, Authoritative: true},
		Answers: []dnsmessage.Resource{{Header: h, Body: &dnsmessage.PTRResource{PTR: name}}},
	}
	return m.Pack()
}

// asked is what a question wants to hear.
type asked uint8

const (
	nothing asked = iota
	services
	all
)

// asks reads a question: what it wants of this node. Who knows the answer
// already wants nothing (RFC 6762 §7.1).
func (s service) asks(message []byte) asked {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Response || h.OpCode != 0 || h.RCode != 0 {
		return nothing
	}
	var want asked
	browsing := true // nothing else is asked than who offers the service
	for range maxQuestions {
		q, err := p.Question()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return nothing
		}
		w := s.wants(q)
		browsing = browsing && (w != all || isName(q.Name, serviceName))
		want = max(want, w)
	}
	if want == all && browsing && s.known(&p) {
		return nothing
	}
	return want
}

// wants is what one question wants.
func (s service) wants(q dnsmessage.Question) asked {
	is := func(types ...dnsmessage.Type) bool {
		return q.Type == dnsmessage.TypeALL || slices.Contains(types, q.Type)
	}
	switch {
	case q.Class&^topBit != dnsmessage.ClassINET && q.Class&^topBit != dnsmessage.ClassANY:
	case isName(q.Name, serviceName) && is(dnsmessage.TypePTR),
		isName(q.Name, s.instance) && is(dnsmessage.TypeSRV, dnsmessage.TypeTXT),
		isName(q.Name, s.host) && is(dnsmessage.TypeA, dnsmessage.TypeAAAA):
		return all
	case isName(q.Name, metaName) && is(dnsmessage.TypePTR):
		return services
	}
	return nothing
}

// known reports whether this node is among the answers that a question lists,
// with half of their life before them.
func (s service) known(p *dnsmessage.Parser) bool {
	if p.SkipAllQuestions() != nil {
		return false
	}
	for range maxRecords {
		h, err := p.AnswerHeader()
		if err != nil {
			return false
		}
		if h.Type != dnsmessage.TypePTR || !isName(h.Name, serviceName) {
			if p.SkipAnswer() != nil {
				return false
			}
			continue
		}
		r, err := p.PTRResource()
		if err != nil {
			return false
		}
		if isName(r.PTR, s.instance) && h.TTL >= ttlOther/2 {
			return true
		}
	}
	return false
}

// isName compares names as DNS does, without regard to case.
func isName(n dnsmessage.Name, s string) bool {
	return bytes.EqualFold(n.Data[:n.Length], []byte(s))
}

// records is what one message says of nodes, by names in lower case.
type records struct {
	nodes map[string]*node
	hosts map[string][]netip.Addr
}

type node struct {
	host        string
	port        uint16
	gone        bool
	fingerprint string
	peers       []string
}

// entries reads the nodes that a message holds whole. zone is the name of the
// interface that it came by.
func entries(message []byte, zone string, loopback bool) []Entry {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response || h.OpCode != 0 || h.RCode != 0 || p.SkipAllQuestions() != nil {
		return nil
	}
	r := records{make(map[string]*node), make(map[string][]netip.Addr)}
	left := maxRecords
	for _, section := range []struct {
		next func() (dnsmessage.ResourceHeader, error)
		skip func() error
	}{{p.AnswerHeader, p.SkipAnswer}, {p.AuthorityHeader, p.SkipAuthority}, {p.AdditionalHeader, p.SkipAdditional}} {
		for ; ; left-- {
			h, err := section.next()
			if err == dnsmessage.ErrSectionDone {
				break
			}
			if err != nil || left == 0 {
				return nil
			}
			if !r.take(&p, h) && section.skip() != nil {
				return nil
			}
		}
	}
	return r.entries(zone, loopback)
}

// take reads one record if it is of use, and reports whether it did.
func (r *records) take(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) bool {
	if h.Class&^topBit != dnsmessage.ClassINET {
		return false
	}
	name := strings.ToLower(h.Name.String())
	switch h.Type {
	case dnsmessage.TypeSRV, dnsmessage.TypeTXT:
		n := r.node(name)
		return n != nil && n.take(p, h)
	case dnsmessage.TypeA:
		if a, err := p.AResource(); err == nil {
			r.address(name, netip.AddrFrom4(a.A))
			return true
		}
	case dnsmessage.TypeAAAA:
		if a, err := p.AAAAResource(); err == nil {
			r.address(name, netip.AddrFrom16(a.AAAA))
			return true
		}
	}
	return false
}

// node is the node of an instance's name; nil when it is none of the service,
// or one too many.
func (r *records) node(name string) *node {
	label, isOurs := strings.CutSuffix(name, "."+serviceName)
	if !isOurs || label == "" || strings.Contains(label, ".") {
		return nil
	}
	n := r.nodes[name]
	if n == nil && len(r.nodes) < maxInMessage {
		n = new(node)
		r.nodes[name] = n
	}
	return n
}

func (r *records) address(name string, a netip.Addr) {
	list, ok := r.hosts[name]
	if len(list) < maxAddrs && (ok || len(r.hosts) < maxInMessage) {
		r.hosts[name] = append(list, a)
	}
}

// take reads a SRV or TXT record.
func (n *node) take(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) bool {
	n.gone = n.gone || h.TTL == 0
	if h.Type == dnsmessage.TypeSRV {
		srv, err := p.SRVResource()
		n.host, n.port = strings.ToLower(srv.Target.String()), srv.Port
		return err == nil
	}
	txt, err := p.TXTResource()
	for _, s := range txt.TXT {
		n.read(s)
	}
	return err == nil
}

// read reads one string of the TXT record; the first of a key counts (RFC 6763
// §6.4).
func (n *node) read(s string) {
	if value, ok := cutKey(s, keyFingerprint); ok && n.fingerprint == "" {
		if e, err := udf.ParseExpect(value); err == nil {
			n.fingerprint = udf.Format(e[:], udf.DefaultBits)
		}
	}
	if value, ok := cutKey(s, keyPeers); ok && n.peers == nil {
		for peer := range strings.SplitSeq(value, ",") {
			if isPeer(peer) && len(n.peers) < maxPeers && !slices.Contains(n.peers, peer) {
				n.peers = append(n.peers, peer)
			}
		}
	}
}

// cutKey cuts a key, without regard to case, off a string.
func cutKey(s, key string) (string, bool) {
	if len(s) < len(key) || !strings.EqualFold(s[:len(key)], key) {
		return "", false
	}
	return s[len(key):], true
}

// entries are the nodes of which the message holds all.
func (r *records) entries(zone string, loopback bool) []Entry {
	var list []Entry
	for _, n := range r.nodes {
		e := Entry{Fingerprint: n.fingerprint, Peers: n.peers, Gone: n.gone}
		for _, a := range r.hosts[n.host] {
			if !usable(a, loopback) {
				continue
			}
			if a.Is6() && a.IsLinkLocalUnicast() {
				a = a.WithZone(zone)
			}
			if at := netip.AddrPortFrom(a, n.port); !slices.Contains(e.Addrs, at) {
				e.Addrs = append(e.Addrs, at)
			}
		}
		if e.Fingerprint != "" && n.port != 0 && len(e.Addrs) > 0 {
			slices.SortStableFunc(e.Addrs, better)
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return list
}
