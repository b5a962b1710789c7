package client

import "errors"

// verdict is what a round's errors mean for who waits.
type verdict int

const (
	silent  verdict = iota // at least one node may only be away
	refused                // every node said no: calls end, Watch waits on
	forGood                // no waiting changes it
)

// judge returns what a round's errors mean together and the one that tells most.
// A home that is away may be back in a minute, whatever the others answer; that
// this device was revoked is true at every node.
func judge(round []error) (together verdict, tells error) {
	together = forGood
	most := silent
	for _, err := range round {
		if isRevoked(err) {
			return forGood, err
		}
		v := judgeOne(err)
		if tells == nil || v > most {
			tells, most = err, v
		}
		together = min(together, v)
	}
	return together, tells
}

func judgeOne(err error) verdict {
	var refusal *Refusal
	var changed *ChangedKey
	switch {
	case errors.As(err, &changed):
		return refused // whoever can answer there must not end what watches
	case errors.Is(err, ErrFingerprint), errors.Is(err, ErrNoAccount), errors.Is(err, ErrSeveralNodes), errors.Is(err, errNotTrusted), errors.Is(err, errMayNotWatch):
		return forGood
	case errors.As(err, &refusal):
		return refused
	}
	return silent
}

// final reports whether an answer to a call ends it: no other node is asked.
func final(err error) bool { return err != nil && judgeOne(err) >= refused }
