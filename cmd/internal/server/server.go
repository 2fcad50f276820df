// Package server is the registry server: one process and one port over a data folder, or any
// number of processes over one PostgreSQL database and one bucket.
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
	// ErrPlace says that the database or the bucket does not answer, or does not exist.
	ErrPlace = errors.New("place where the registry keeps its data cannot be used")
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
	Data     string               // folder; made if it is missing, and not used with Database and Bucket
	Database string               // address of a PostgreSQL database; "": a file in Data
	Bucket   *blobs.BucketOptions // place of blobs; nil: a folder in Data
	Redirect bool                 // clients fetch blobs from the bucket
	Listen   string               // host:port; port 0 chooses a free one
	URL      string               // under which clients reach it, for example behind a proxy; "": that of each request
	Cert     string               // file of a certificate; with Key: https
	Key      string               // file of its key
	MaxBlob  int64                // largest blob in bytes; 0: 4 GiB
	// CollectEvery is the time between two collections of what nothing names; 0: none.
	CollectEvery time.Duration
	CollectGrace time.Duration // what is younger stays
	Log          *slog.Logger  // default: dropped
}

// Server is an open registry. Serve or Close ends it.
type Server struct {
	// FirstToken is the publish token, once, when the data folder was new.
	FirstToken string
	o          Options
	lock       *filelock.Lock // of the data folder
	store      *sqlstore.Store
	listener   net.Listener
	http       *http.Server
	collector  *collector
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
	if o.Database == "" || o.Bucket == nil {
		if err := s.openData(); err != nil {
			return s, err
		}
	}
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%s: %w", o.Listen, ErrPortTaken)
		}
		return s, err
	}
	if s.store, err = OpenStore(ctx, o); err != nil {
		return s, err
	}
	if s.FirstToken, err = firstToken(ctx, s.store); err != nil {
		return s, err
	}
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.collector = startCollector(s.store, o)
	return s, nil
}

// openData makes the data folder and locks it.
func (s *Server) openData() (err error) {
	if err := durable.MkdirAll(s.o.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	s.lock, err = filelock.TryExclusive(filepath.Join(s.o.Data, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		err = fmt.Errorf("%s: %w", s.o.Data, ErrLocked)
	}
	return err
}

// OpenStore opens what a server serves, without serving it; a server may do so meanwhile.
// It returns [ErrPlace] if the database or the bucket cannot be used.
func OpenStore(ctx context.Context, o Options) (*sqlstore.Store, error) {
	var bytes blobs.Store
	var err error
	if o.Bucket != nil {
		bytes, err = blobs.OpenBucket(ctx, *o.Bucket)
	} else {
		bytes, err = blobs.Open(filepath.Join(o.Data, "blobs"))
	}
	var s *sqlstore.Store
	if err == nil {
		s, err = sqlstore.Open(ctx, sqlstore.Options{Postgres: o.Database, File: filepath.Join(o.Data, "registry.db"), Blobs: bytes, Log: o.Log})
	}
	if err != nil && !errors.Is(err, sqlstore.ErrNewer) && (o.Bucket != nil || o.Database != "") {
		err = fmt.Errorf("%w: %w", ErrPlace, err)
	}
	return s, err
}

func (s *Server) routes() http.Handler {
	m := newMetrics()
	api := handler.New(s.store, handler.Options{Access: access(s.store), Challenge: challenge(s.o.URL), MaxBlob: s.o.MaxBlob, Redirect: s.o.Redirect, Log: s.o.Log})
	mux := http.NewServeMux()
	for _, prefix := range []string{registry.RouteDiscovery, registry.RouteOCI, "/index/", "/api/"} {
		mux.Handle(prefix, m.count(prefix, api))
	}
	mux.Handle("GET "+routeToken, m.count("/api/", tokenHandler(s.store)))
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
func (s *Server) URL() string {
	if s.o.Cert != "" {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

// Serve answers requests until ctx ends, then lets those under way finish and
// closes the server.
func (s *Server) Serve(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		if s.o.Cert != "" {
			done <- s.http.ServeTLS(s.listener, s.o.Cert, s.o.Key)
			return
		}
		done <- s.http.Serve(s.listener)
	}()
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
	if s.collector != nil {
		s.collector.stop()
		s.collector = nil
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
