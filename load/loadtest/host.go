package loadtest

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
)

// host is the application of a test.
type host struct {
	mu      sync.Mutex
	callers []manifest.ID
	traces  []contract.Trace
	notes   []string
	records []slog.Record
	changed chan struct{}
	lookup  func(context.Context, string) (string, error)
}

func newHost() *host { return &host{changed: make(chan struct{})} }

func (h *host) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

// await waits until ok holds. A test that waits in vain ends with the test binary's own
// time limit and shows where.
func (h *host) await(ok func() bool) {
	for {
		h.mu.Lock()
		if ok() {
			h.mu.Unlock()
			return
		}
		changed := h.changed
		h.mu.Unlock()
		<-changed
	}
}

func (h *host) awaitNote(s string) {
	h.await(func() bool { return slices.Contains(h.notes, s) })
}

func (h *host) noted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.notes)
}

// awaitRecord waits for a log record with a message.
func (h *host) awaitRecord(message string) (out slog.Record) {
	h.await(func() bool {
		for _, r := range h.records {
			if r.Message == message {
				out = r
				return true
			}
		}
		return false
	})
	return out
}

func (h *host) services() []contract.Handler {
	return []contract.Handler{
		probe.Lookup.Handle(func(ctx context.Context, t probe.Text) (probe.Text, error) {
			h.change(func() {
				h.callers = append(h.callers, load.Caller(ctx))
				h.traces = append(h.traces, contract.TraceOf(ctx))
			})
			if h.lookup != nil {
				s, err := h.lookup(ctx, t.Text)
				return probe.Text{Text: s}, err
			}
			if t.Text == "missing" {
				return t, contract.Errorf(contract.NotFound, "no entry %s", t.Text).Because("NO_ENTRY").With("key", t.Text)
			}
			if t.Text == "panic" {
				panic("host")
			}
			return probe.Text{Text: "value of " + t.Text}, nil
		}),
		probe.Feed.Handle(h.feed),
		probe.Total.Handle(func(_ context.Context, in iter.Seq2[probe.Number, error]) (out probe.Number, err error) {
			for n, err := range in {
				if err != nil {
					return out, err
				}
				out.N += n.N
			}
			return out, nil
		}),
		probe.Note.Handle(func(_ context.Context, t probe.Text) (probe.Nothing, error) {
			h.change(func() { h.notes = append(h.notes, t.Text) })
			return probe.Nothing{}, nil
		}),
	}
}

// feed yields numbers and notes when it has ended.
func (h *host) feed(ctx context.Context, n probe.Number) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		defer h.change(func() {
			h.callers = append(h.callers, load.Caller(ctx))
			h.traces = append(h.traces, contract.TraceOf(ctx))
			h.notes = append(h.notes, "feed ended")
		})
		for v, err := range upTo(n.N) {
			if !yield(v, err) {
				return
			}
		}
	}
}

// spec is what plugins of the test get.
func (h *host) spec(config string) load.Spec {
	return load.Spec{Config: json.RawMessage(config), Host: h.services(), Log: slog.New(&recorder{h: h})}
}

// recorder keeps log records.
type recorder struct {
	h     *host
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (r *recorder) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	rec = rec.Clone()
	rec.AddAttrs(r.attrs...)
	r.h.change(func() { r.h.records = append(r.h.records, rec) })
	return nil
}

// WithAttrs implements slog.Handler.
func (r *recorder) WithAttrs(as []slog.Attr) slog.Handler {
	return &recorder{r.h, append(slices.Clip(r.attrs), as...)}
}

// WithGroup implements slog.Handler. In-process loggers call it; what the records hold
// below groups is compared for the other runtimes only.
func (r *recorder) WithGroup(string) slog.Handler { return r }

// Target is a runtime under test.
type Target struct {
	Driver load.Driver
	// Image returns the image of a test plugin, see [Image].
	Image func(t testing.TB, id manifest.ID) load.Image
	// Apart says that plugins do not share the memory of the host.
	Apart bool
	// Folder says that plugins get a private folder.
	Folder bool
	// Ends says that a plugin that exits ends its instance; otherwise it is replaced.
	Ends bool
	// Copies says that messages are copied, although memory is shared.
	Copies bool
	// Streams says that streams are carried.
	Streams bool
}

// start starts the test plugin and closes it after the test.
func (x Target) start(t testing.TB, h *host, config string) load.Instance {
	t.Helper()
	return x.startWith(t, testplugin.ID, h.spec(config))
}

func (x Target) startWith(t testing.TB, id manifest.ID, s load.Spec) load.Instance {
	t.Helper()
	in, err := x.Driver.Start(t.Context(), x.Image(t, id), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-in.Done()
	})
	return in
}
