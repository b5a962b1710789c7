package federation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// OURS: how gossipsub scores peers. Only rejected messages and broken promises
// count; the fifth rejected message within minutes graylists.
const (
	invalidWeight      = -10
	invalidDecay       = 0.98 // a second: half in 34 s
	gossipThreshold    = -50
	publishThreshold   = -100
	graylistThreshold  = -200
	behaviourWeight    = -1
	behaviourThreshold = 10
	behaviourDecay     = 0.95
	retainScore        = 10 * time.Minute

	validateWorkers  = 2 // they hand messages on; the checks run beside them
	validateQueue    = 256
	validateThrottle = 64 // checks at once
	outboundQueue    = 256
)

// joinGossip starts gossipsub on the gated host and joins the realm's topic.
func (f *Federation) joinGossip() (err error) {
	name := Topic(f.cfg.Realm, key.Hash{}, 0)
	quiet := slog.New(slog.DiscardHandler) // what matters is logged by us
	f.pubsub, err = pubsub.NewGossipSub(f.ctx, gatedHost{f.host, f},
		pubsub.WithGossipSubParams(gossipParams()),
		pubsub.WithFloodPublish(true),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithMaxMessageSize(maxRPC),
		pubsub.WithPeerFilter(func(id peer.ID, _ string) bool { return f.links.isMember(id) }),
		pubsub.WithSubscriptionFilter(subscriptions{f, name}),
		pubsub.WithPeerOutboundQueueSize(outboundQueue),
		pubsub.WithValidateQueueSize(validateQueue),
		pubsub.WithValidateThrottle(validateThrottle),
		pubsub.WithValidateWorkers(validateWorkers),
		pubsub.WithPeerScore(scoreParams(name), scoreThresholds()),
		pubsub.WithLogger(quiet), pubsub.WithRPCLogger(quiet),
	)
	if err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	err = f.pubsub.RegisterTopicValidator(name, f.validate,
		pubsub.WithValidatorTimeout(doorTimeout), pubsub.WithValidatorConcurrency(validateThrottle))
	if err != nil {
		return fmt.Errorf("guarding the gossip topic: %w", err)
	}
	if f.topic, err = f.pubsub.Join(name); err != nil {
		return fmt.Errorf("joining the gossip topic: %w", err)
	}
	// The validator takes messages in, so there is no subscriber to feed.
	if _, err = f.topic.Relay(); err != nil {
		return fmt.Errorf("relaying the gossip topic: %w", err)
	}
	return nil
}

// gossipParams are federation.md's, Defaults; the rest is gossipsub's.
func gossipParams() pubsub.GossipSubParams {
	p := pubsub.DefaultGossipSubParams()
	p.D, p.Dlo, p.Dhi, p.Dout = gossipD, gossipDlo, gossipDhi, gossipDout
	p.HeartbeatInterval = gossipHeartbeat
	return p
}

func scoreParams(topic string) *pubsub.PeerScoreParams {
	return &pubsub.PeerScoreParams{
		SkipAtomicValidation: true,
		Topics: map[string]*pubsub.TopicScoreParams{topic: {
			SkipAtomicValidation:           true,
			TopicWeight:                    1,
			InvalidMessageDeliveriesWeight: invalidWeight,
			InvalidMessageDeliveriesDecay:  invalidDecay,
			TimeInMeshQuantum:              time.Second,
		}},
		AppSpecificScore:          func(peer.ID) float64 { return 0 },
		BehaviourPenaltyWeight:    behaviourWeight,
		BehaviourPenaltyThreshold: behaviourThreshold,
		BehaviourPenaltyDecay:     behaviourDecay,
		DecayInterval:             time.Second,
		DecayToZero:               0.01,
		RetainScore:               retainScore,
	}
}

func scoreThresholds() *pubsub.PeerScoreThresholds {
	return &pubsub.PeerScoreThresholds{
		GossipThreshold:   gossipThreshold,
		PublishThreshold:  publishThreshold,
		GraylistThreshold: graylistThreshold,
	}
}

// messageID is SHA-256 of the data (federation.md, Validators).
func messageID(m *pb.Message) string {
	sum := sha256.Sum256(m.GetData())
	return string(sum[:])
}

// subscriptions lets peers subscribe to the topics that are ours and no other,
// so that they cannot grow pubsub's tables; who joins is synced with.
type subscriptions struct {
	f    *Federation
	name string
}

func (s subscriptions) CanSubscribe(topic string) bool { return topic == s.name }

var errSubscriptions = errors.New("too many subscriptions")

func (s subscriptions) FilterIncomingSubscriptions(from peer.ID, list []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	if len(list) > 4*maxFrameHashes {
		return nil, errSubscriptions
	}
	var ours []*pb.RPC_SubOpts
	for _, o := range list {
		if o.GetTopicid() == s.name {
			ours = append(ours, o)
			if o.GetSubscribe() {
				soon := time.Now().Add(joinSync)
				s.f.links.syncSoon(from, soon)
				s.f.attached.newcomer(soon)
				s.f.jobs.soon(&s.f.jobs.beacon, soon)
				s.f.wake()
			}
		}
	}
	return ours, nil
}

// publish is the goroutine that gossips what is queued. What queues up while
// one message is being sent goes together in the next, so a burst is batched
// and a single fact waits for nothing.
func (f *Federation) publish() {
	var batch []*record.Fact
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.outbox.ready:
		}
		for {
			if batch = f.outbox.take(batch[:0]); len(batch) == 0 {
				break
			}
			f.send(appendBatch(nil, batch, rand.Int64()))
			clear(batch)
		}
	}
}

// send publishes one message; what it cannot send comes by sync.
func (f *Federation) send(data []byte) {
	if err := f.topic.Publish(f.ctx, data); err != nil && f.ctx.Err() == nil {
		f.log.Warn("gossiping", "err", err)
	}
}
