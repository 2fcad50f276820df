package hook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// OnError says what becomes of a chain, or of a search for an answer, when a plugin fails.
type OnError int

// The policies for errors.
const (
	Stop OnError = iota // the whole fails
	Skip                // as if that plugin were not there
)

// Options bound the calls to plugins. The zero value sets no time limit and stops at the
// first error.
type Options struct {
	Timeout time.Duration // for each plugin; 0: only that of the context
	OnError OnError       // of [Chain] and [First]
	// Failed is told of every error of a plugin, also of those that are skipped. Nil:
	// nobody is. [All] calls it from several goroutines.
	Failed func(id manifest.ID, err error)
	// AtOnce is how many plugins [All] calls at the same time; default 16.
	AtOnce int
}

// ErrNoAnswer says that no plugin answered [First].
var ErrNoAnswer = errors.New("no plugin answers")

// Error is an error of one plugin. It wraps the [*contract.Error].
type Error struct {
	ID  manifest.ID
	Err error
}

// Error names the plugin.
func (e *Error) Error() string { return fmt.Sprintf("plugin %s: %v", e.ID, e.Err) }

// Unwrap returns the error of the call.
func (e *Error) Unwrap() error { return e.Err }

// Chain calls m of each plugin in order, each with what the one before answered, the first
// with in, and returns the last answer. Plugins that do not offer m are left out. An error
// of a plugin is an [*Error]; with [Skip] the next one gets what the failed one got. The
// result is then what the others made of in. When ctx ends the chain does too, whatever
// the policy.
func Chain[P Plugin, T any](ctx context.Context, h *Hooks[P], m contract.UnaryMethod[T, T], in T, o Options) (T, error) {
	for _, p := range h.Order() {
		if !p.Offers(m.Method) {
			continue
		}
		out, err := call(ctx, p, m, in, o)
		switch {
		case err == nil:
			in = out
		case o.OnError == Stop || ctx.Err() != nil:
			return in, err
		}
	}
	return in, nil
}

// First calls m of each plugin in order until one answers, and returns its id. A plugin
// declines with contract.NotFound or contract.Unimplemented; then the next one is asked,
// and so it is with [Skip] after any error. It fails with [ErrNoAnswer], joined with the
// errors that were skipped.
func First[P Plugin, Req, Resp any](ctx context.Context, h *Hooks[P], m contract.UnaryMethod[Req, Resp], req Req, o Options) (Resp, manifest.ID, error) {
	var zero Resp
	failed := []error{ErrNoAnswer}
	for _, p := range h.Order() {
		if !p.Offers(m.Method) {
			continue
		}
		out, err := call(ctx, p, m, req, o)
		switch {
		case err == nil:
			return out, p.ID(), nil
		case errors.Is(err, contract.NotFound) || errors.Is(err, contract.Unimplemented):
		case o.OnError == Stop || ctx.Err() != nil:
			return zero, "", err
		default:
			failed = append(failed, err)
		}
	}
	return zero, "", errors.Join(failed...)
}

// Result is what one plugin answered.
type Result[Resp any] struct {
	ID    manifest.ID
	Value Resp
	Err   error // an [*Error], or nil
}

// All calls m of every plugin side by side and returns the results in their order. Plugins
// that do not offer m have none. Every one is called, whatever the others say.
func All[P Plugin, Req, Resp any](ctx context.Context, h *Hooks[P], m contract.UnaryMethod[Req, Resp], req Req, o Options) []Result[Resp] {
	var asked []P
	for _, p := range h.Order() {
		if p.Offers(m.Method) {
			asked = append(asked, p)
		}
	}
	out := make([]Result[Resp], len(asked))
	most := o.AtOnce
	if most <= 0 {
		most = 16
	}
	room := make(chan struct{}, most)
	var calls sync.WaitGroup
	for i, p := range asked {
		room <- struct{}{}
		calls.Go(func() {
			defer func() { <-room }()
			ended := contract.Errorf(contract.Internal, "%s ended without an answer", m.Path()).Because(contract.ReasonPanic)
			out[i] = Result[Resp]{ID: p.ID(), Err: &Error{p.ID(), ended}} // if the plugin ends this goroutine
			out[i].Value, out[i].Err = call(ctx, p, m, req, o)
		})
	}
	calls.Wait()
	return out
}

// call calls one plugin within its time.
func call[P Plugin, Req, Resp any](ctx context.Context, p P, m contract.UnaryMethod[Req, Resp], req Req, o Options) (Resp, error) {
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	out, err := m.Call(ctx, p, req)
	if err != nil {
		err = &Error{ID: p.ID(), Err: err}
		if o.Failed != nil {
			o.Failed(p.ID(), err)
		}
	}
	return out, err
}
