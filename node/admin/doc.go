// Package admin is how the operator of a node talks to it: HTTP over a unix
// socket that only its owner may use. The daemon serves it, the tool asks it
// through [Client].
//
//	GET  /overview   what the node is and whom it knows      presence.node/1
//	POST /invite     a code that lets one account in         presence.invite/1
//	GET  /health     200 it serves, 503 and why it does not  presence.health/1
//	GET  /metrics    numbers, in the text form of Prometheus
//
// Every answer but the metrics is one JSON object that says its schema; members
// are only ever added. What is not known is null. An answer that is no success
// is a presence.error/1 with one sentence.
package admin
