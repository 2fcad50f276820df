package sdktest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// Record is one line of a plugin's log.
type Record struct {
	Level   slog.Level
	Message string
	Attrs   map[string]any // values as slog gives them; the names of groups stand before, with dots
}

// Recorder keeps what a plugin logs: pass its Logger as Options.Log. The zero value is
// ready. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	records []Record
	more    chan struct{} // closed at the next record
}

// Logger returns a logger whose records, of every level, are kept.
func (r *Recorder) Logger() *slog.Logger { return slog.New(&recording{to: r}) }

// Records returns what was logged so far.
func (r *Recorder) Records() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// Await returns the first record with that message; it waits for it until ctx ends, whose
// error it returns. The log of a plugin in a process of its own comes later than its
// answers.
func (r *Recorder) Await(ctx context.Context, message string) (Record, error) {
	for {
		r.mu.Lock()
		i := slices.IndexFunc(r.records, func(x Record) bool { return x.Message == message })
		if i >= 0 {
			defer r.mu.Unlock()
			return r.records[i], nil
		}
		if r.more == nil {
			r.more = make(chan struct{})
		}
		more := r.more
		r.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

func (r *Recorder) add(x Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, x)
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// recording is the handler of a recorder.
type recording struct {
	to     *Recorder
	prefix string
	attrs  map[string]any // shared, never changed
}

// Enabled implements slog.Handler.
func (h *recording) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *recording) Handle(_ context.Context, r slog.Record) error {
	x := Record{Level: r.Level, Message: r.Message, Attrs: maps.Clone(h.attrs)}
	if x.Attrs == nil {
		x.Attrs = map[string]any{}
	}
	r.Attrs(func(a slog.Attr) bool {
		put(x.Attrs, h.prefix, a)
		return true
	})
	h.to.add(x)
	return nil
}

func put(to map[string]any, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		to[prefix+a.Key] = v.Any()
		return
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, x := range v.Group() {
		put(to, prefix, x)
	}
}

// WithAttrs implements slog.Handler.
func (h *recording) WithAttrs(as []slog.Attr) slog.Handler {
	out := *h
	if out.attrs = maps.Clone(h.attrs); out.attrs == nil {
		out.attrs = map[string]any{}
	}
	for _, a := range as {
		put(out.attrs, h.prefix, a)
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *recording) WithGroup(name string) slog.Handler {
	out := *h
	if name != "" {
		out.prefix += name + "."
	}
	return &out
}
