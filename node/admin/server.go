package admin

// Paths of the verbs.
const (
	pathOverview = "/overview"
	pathInvite   = "/invite"
	pathHealth   = "/health"
	pathMetrics  = "/metrics"
)

// failure is an answer that is no success, and the one of a health check.
type failure struct {
	Schema string `json:"schema"`
	Reason string `json:"reason"`
}
