package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"meshpresence/node/mpp"
)

const prefix = "meshpresence_"

// Notified is what became of a notification.
type Notified string

// The outcomes of notifications.
const (
	NotifiedSent         Notified = "sent"         // left for the first time
	NotifiedRepeated     Notified = "repeated"     // left again: nobody acknowledged it
	NotifiedDelayed      Notified = "delayed"      // the connection took no more
	NotifiedAcknowledged Notified = "acknowledged" // items that the device has
)

// Committed is what became of a batch for the disk.
type Committed string

// The outcomes of batches.
const (
	CommittedOK     Committed = "ok"
	CommittedFull   Committed = "full"
	CommittedFailed Committed = "failed"
)

// Metrics are the node's numbers. Counting costs an atomic addition and never
// allocates, so a loop may do it. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	started  time.Time
	version  string

	refused  map[mpp.Code]prometheus.Counter
	unknown  prometheus.Counter
	notified map[Notified]prometheus.Counter
	commits  map[Committed]prometheus.Counter
	latency  prometheus.Histogram
}

// commitBuckets reach from a fast disk's flush to one that hangs.
var commitBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// refusals are the codes that can be counted: the one table of the protocol.
var refusals = []mpp.Code{
	mpp.CodeMalformed, mpp.CodeNotAdmitted, mpp.CodeRefused, mpp.CodeExpired, mpp.CodeSerial, mpp.CodeRevoked,
	mpp.CodeTooLarge, mpp.CodeQuota, mpp.CodeNotOffered, mpp.CodeDraining, mpp.CodeDiskFull,
}

// NewMetrics starts to count.
func NewMetrics(version string, started time.Time) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), started: started, version: version,
		refused:  make(map[mpp.Code]prometheus.Counter),
		notified: make(map[Notified]prometheus.Counter),
		commits:  make(map[Committed]prometheus.Counter),
	}
	refused := m.counters("refusals_total", "code")
	for _, code := range refusals {
		m.refused[code] = refused.WithLabelValues(code.Name())
	}
	m.unknown = refused.WithLabelValues("unknown")
	notified := m.counters("notifications_total", "outcome")
	for _, outcome := range []Notified{NotifiedSent, NotifiedRepeated, NotifiedDelayed, NotifiedAcknowledged} {
		m.notified[outcome] = notified.WithLabelValues(string(outcome))
	}
	commits := m.counters("store_commits_total", "outcome")
	for _, outcome := range []Committed{CommittedOK, CommittedFull, CommittedFailed} {
		m.commits[outcome] = commits.WithLabelValues(string(outcome))
	}
	m.latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + "store_commit_seconds", Help: helpOf["store_commit_seconds"], Buckets: commitBuckets,
	})
	m.registry.MustRegister(m.latency)
	return m
}

func (m *Metrics) counters(name, label string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: helpOf[name]}, []string{label})
	m.registry.MustRegister(v)
	return v
}

// Refused counts an answer that was no success.
func (m *Metrics) Refused(code mpp.Code) {
	if c := m.refused[code]; c != nil {
		c.Inc()
		return
	}
	m.unknown.Inc()
}

// Notified counts n notifications, or items, with one outcome.
func (m *Metrics) Notified(outcome Notified, n int) {
	if c := m.notified[outcome]; c != nil {
		c.Add(float64(n))
	}
}

// Committed counts a batch that the disk took so long for.
func (m *Metrics) Committed(outcome Committed, took time.Duration) {
	if c := m.commits[outcome]; c != nil {
		c.Inc()
	}
	m.latency.Observe(took.Seconds())
}

// serve writes everything in the text form, with what the node counts itself.
func (m *Metrics) serve(w http.ResponseWriter, r *http.Request, n Numbers, healthy bool) {
	now := prometheus.NewRegistry()
	now.MustRegister(&snapshot{m, n, healthy})
	promhttp.HandlerFor(prometheus.Gatherers{m.registry, now}, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(w, r)
}
