package admin

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// helpOf says what each metric counts, as the package's documentation does.
var helpOf = map[string]string{
	"info":                  "1; the version that runs",
	"start_time_seconds":    "when it started, Unix time",
	"healthy":               "1 while /health answers 200",
	"connections":           "proved connections of devices",
	"sessions_watching":     "of them, those that are being told what happens",
	"devices":               "devices of the accounts carried here, by the word that says where each is",
	"facts":                 "signed facts held",
	"accounts":              "accounts this node keeps",
	"members":               "nodes of the realm, this one included",
	"members_connected":     "of the others, those connected now",
	"clock_offset_seconds":  "this clock less the other nodes' median; absent when they are too few",
	"store_damaged_entries": "entries of the store set aside because they could not be read",
	"datagrams_total":       "to and from devices: received, sent; of them unknown, dropped, replayed, resent",
	"handshakes_total":      "first packets of devices, by what became of them",
	"gossip_total":          "messages of other nodes: received, ignored, rejected; facts dropped for want of room",
	"synced_facts_total":    "facts that came by comparing with other nodes",
	"dials_total":           "connections to other nodes tried",
	"refusals_total":        "answers to devices that were no success, by the code's name",
	"notifications_total":   "to watching devices: sent, repeated, delayed; items acknowledged",
	"store_commits_total":   "batches for the disk: ok, full, failed",
	"store_commit_seconds":  "how long one took until it was synced",
}

// snapshot is what a node said of itself once, as metrics.
type snapshot struct {
	metrics *Metrics
	numbers Numbers
	healthy bool
}

// Describe implements prometheus.Collector: it is registered for one answer
// only, so there is nothing to check it against.
func (*snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *snapshot) Collect(to chan<- prometheus.Metric) {
	n := &s.numbers
	tell(to, prometheus.GaugeValue, "info", 1, "version", s.metrics.version)
	tell(to, prometheus.GaugeValue, "start_time_seconds", float64(s.metrics.started.Unix()))
	healthy := 0.0
	if s.healthy {
		healthy = 1
	}
	tell(to, prometheus.GaugeValue, "healthy", healthy)
	for _, gauge := range []struct {
		name  string
		value int
	}{
		{"connections", n.Connections}, {"sessions_watching", n.Watching}, {"facts", n.Facts}, {"accounts", n.Accounts},
		{"members", n.Members}, {"members_connected", n.Connected}, {"store_damaged_entries", n.Damaged},
	} {
		tell(to, prometheus.GaugeValue, gauge.name, float64(gauge.value))
	}
	if n.ClockOff != nil {
		tell(to, prometheus.GaugeValue, "clock_offset_seconds", *n.ClockOff)
	}
	for _, reason := range slices.Sorted(maps.Keys(n.Devices)) {
		tell(to, prometheus.GaugeValue, "devices", float64(n.Devices[reason]), "reason", reason)
	}
	byOutcome(to, "datagrams_total", n.Datagrams)
	byOutcome(to, "handshakes_total", n.Handshakes)
	byOutcome(to, "gossip_total", n.Gossip)
	tell(to, prometheus.CounterValue, "synced_facts_total", float64(n.Synced))
	tell(to, prometheus.CounterValue, "dials_total", float64(n.Dials))
}

func byOutcome(to chan<- prometheus.Metric, name string, counts map[string]uint64) {
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		tell(to, prometheus.CounterValue, name, float64(counts[outcome]), "outcome", outcome)
	}
}

// tell writes one value; label is a name and its value, or nothing.
func tell(to chan<- prometheus.Metric, kind prometheus.ValueType, name string, value float64, label ...string) {
	var names, values []string
	if len(label) == 2 {
		names, values = label[:1], label[1:]
	}
	desc := prometheus.NewDesc(prefix+name, helpOf[name], names, nil)
	to <- prometheus.MustNewConstMetric(desc, kind, value, values...)
}
