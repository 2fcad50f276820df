// Package server is the registry server: one process, one data folder, one port.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/cmd/internal/server/web"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
)

// Errors of a start.
var (
	ErrLocked    = errors.New("data folder is in use by another server")
	ErrPortTaken = errors.New("address is in use by another program")
)

// Limits of requests.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	graceTime     = 15 * time.Second
	maxHeader     = 32 << 10
)

// Options say where a server keeps its data and listens.
type Options struct {
	Data   string       // folder; made if it is missing
	Listen string       // host:port; port 0 chooses a free one
	Log    *slog.Logger // default: dropped
}

// Server is an open registry. Serve or Close ends it.
type Server struct {
	// FirstToken is the publish token, once, when the data folder was new.
	FirstToken string
	o          Options
	lock       *filelock.Lock
	store      *sqlstore.Store
	listener   net.Listener
	http       *http.Server
}

// Open opens the data folder and takes the port. It returns [ErrLocked] or
// [ErrPortTaken]; nothing is left open after an error.
func Open(ctx context.Context, o Options) (s *Server, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s = &Server{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if err := durable.MkdirAll(o.Data, 0o700); err != nil {
		return s, fmt.Errorf("data folder: %w", err)
	}
	if s.lock, err = filelock.TryExclusive(filepath.Join(o.Data, "lock")); err != nil {
		if errors.Is(err, filelock.ErrHeld) {
			err = fmt.Errorf("%s: %w", o.Data, ErrLocked)
		}
		return s, err
	}
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%s: %w", o.Listen, ErrPortTaken)
		}
		return s, err
	}
	dir, err := blobs.Open(filepath.Join(o.Data, "blobs"))
	if err != nil {
		return s, err
	}
	if s.store, err = sqlstore.Open(ctx, sqlstore.Options{File: filepath.Join(o.Data, "registry.db"), Blobs: dir, Log: o.Log}); err != nil {
		return s, err
	}
	if s.FirstToken, err = firstToken(ctx, s.store); err != nil {
		return s, err
	}
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

func (s *Server) routes() http.Handler {
	m := newMetrics()
	api := handler.New(s.store, handler.Options{Allow: allow(s.store), Log: s.o.Log})
	mux := http.NewServeMux()
	for _, prefix := range []string{registry.RouteDiscovery, registry.RouteOCI, "/index/", "/api/"} {
		mux.Handle(prefix, m.count(prefix, api))
	}
	mux.Handle("GET /metrics", m.handler())
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("/", m.count("/", web.New(s.store, web.Options{Log: s.o.Log})))
	return mux
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := s.store.Ping(r.Context()); err != nil {
		s.o.Log.Error("health", "err", err)
		http.Error(w, "database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// URL is where the server listens.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Serve answers requests until ctx ends, then lets those under way finish and
// closes the server.
func (s *Server) Serve(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.listener) }()
	select {
	case err := <-done:
		return errors.Join(err, s.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	err := s.http.Shutdown(grace)
	<-done // http.ErrServerClosed
	return errors.Join(err, s.Close())
}

// Close frees port, database and folder. After Serve it does nothing.
func (s *Server) Close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
		s.http = nil
	}
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		s.listener = nil
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
		s.store = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
		s.lock = nil
	}
	return errors.Join(errs...)
}
