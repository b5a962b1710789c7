package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Paths of the verbs.
const (
	pathOverview = "/overview"
	pathInvite   = "/invite"
	pathHealth   = "/health"
	pathMetrics  = "/metrics"
)

// Our limits: who holds a connection and does not speak, or speaks for ever,
// loses it.
const (
	maxHeader    = 8 << 10
	readWithin   = 5 * time.Second
	answerWithin = 10 * time.Second // the node, and then the reader of its answer
	idleWithin   = 10 * time.Second
	closeWithin  = time.Second // for answers under way
)

// Server answers on one socket.
type Server struct {
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when nobody accepts any more
}

// Serve begins to answer for a node. It returns at once.
func (s *Server) Serve(node Node, metrics *Metrics, log *slog.Logger) {
	s.http = &http.Server{
		Handler:           handler(node, metrics),
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: readWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      readWithin + 2*answerWithin,
		IdleTimeout:       idleWithin,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin socket ended", "err", err)
		}
	}()
}

// Close lets answers under way end, for a moment, and removes the socket. It may
// be called without Serve.
func (s *Server) Close() error {
	if s.http == nil {
		return s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.served
	return err
}

// handler is every verb of the package's documentation.
func handler(node Node, metrics *Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathOverview, func(w http.ResponseWriter, r *http.Request) {
		overview, err := node.Overview(r.Context())
		overview.Schema = SchemaOverview
		answer(w, overview, err)
	})
	mux.HandleFunc("POST "+pathInvite, func(w http.ResponseWriter, r *http.Request) {
		invite, err := node.Invite(r.Context())
		invite.Schema = SchemaInvite
		answer(w, invite, err)
	})
	mux.HandleFunc("GET "+pathHealth, func(w http.ResponseWriter, r *http.Request) {
		health(w, node.Health(r.Context()))
	})
	mux.HandleFunc("GET "+pathMetrics, func(w http.ResponseWriter, r *http.Request) {
		healthy := node.Health(r.Context()) == nil
		// A node that does not answer still has its counters told.
		numbers, _ := node.Numbers(r.Context())
		metrics.serve(w, r, numbers, healthy)
	})
	return bounded(mux)
}

// bounded gives each request its time, and its body none of the memory: no verb
// takes one.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, 0)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// failure is an answer that is no success, and that of a health check.
type failure struct {
	Schema string  `json:"schema"`
	Reason *string `json:"reason"` // null when there is nothing to complain of
}

func health(w http.ResponseWriter, err error) {
	if err == nil {
		write(w, http.StatusOK, failure{Schema: SchemaHealth})
		return
	}
	reason := err.Error()
	write(w, http.StatusServiceUnavailable, failure{SchemaHealth, &reason})
}

// answer writes what was asked for, or why there is none.
func answer(w http.ResponseWriter, v any, err error) {
	if err == nil {
		write(w, http.StatusOK, v)
		return
	}
	status, reason := http.StatusInternalServerError, err.Error()
	if errors.Is(err, ErrStopping) || errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusServiceUnavailable
	}
	write(w, status, failure{SchemaError, &reason})
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "writing the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // a reader that went away is its own business
}
