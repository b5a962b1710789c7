package jsonbcd

import "bytes"

// fewNames is how many names of one object are compared one by one. An object with more keeps a set, so that
// looking for a duplicate never costs the square of the names.
const fewNames = 16

// names holds the names of the open objects that have few, innermost last. Their number is bounded by
// MaxDepth * fewNames; the first few need no allocation.
type names struct {
	inline [fewNames][]byte
	more   [][]byte
	count  int
}

// seen is one open object's part of names: count of them from first, or all of them in set.
type seen struct {
	first, count uint16
	set          map[string]struct{}
}

func (n *names) open() seen { return seen{first: uint16(n.count)} }

func (n *names) close(s seen) { n.count = int(s.first) }

// add remembers a name of the innermost object and says whether it is new there.
func (n *names) add(s *seen, name []byte) bool {
	if s.set != nil {
		return s.insert(name)
	}
	for i := range int(s.count) {
		if bytes.Equal(n.at(int(s.first)+i), name) {
			return false
		}
	}
	if s.count == fewNames {
		n.spill(s)
		return s.insert(name)
	}
	n.push(name)
	s.count++
	return true
}

// spill moves the names of the innermost object into a set.
func (n *names) spill(s *seen) {
	s.set = make(map[string]struct{}, 4*fewNames)
	for i := range int(s.count) {
		s.insert(n.at(int(s.first) + i))
	}
	n.count, s.count = int(s.first), 0
}

func (s *seen) insert(name []byte) bool {
	if _, found := s.set[string(name)]; found {
		return false
	}
	s.set[string(name)] = struct{}{}
	return true
}

func (n *names) at(i int) []byte {
	if i < fewNames {
		return n.inline[i]
	}
	return n.more[i-fewNames]
}

func (n *names) push(name []byte) {
	switch i := n.count - fewNames; {
	case i < 0:
		n.inline[n.count] = name
	case i < len(n.more):
		n.more[i] = name
	default:
		n.more = append(n.more, name)
	}
	n.count++
}
