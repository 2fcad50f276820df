package guest

import (
	"context"
	"log/slog"

	"github.com/plugstead/plugstead/contract"
)

// Env is what the host gives a plugin. It is valid until the plugin is stopped and safe
// for concurrent use.
type Env struct {
	ID      string          // of the plugin
	Log     *slog.Logger    // to the log of the host
	Host    contract.Caller // host services
	DataDir string          // private folder, kept on update; empty if the runtime gives none

	// Peers returns the plugin with an id; runtimes set it, plugins call Peer.
	Peers func(id string) contract.Caller
	// Bound says that handlers hold their Env, so that none travels in contexts.
	Bound bool
}

// Peer returns another plugin. It must be named under requires in plugin.yaml; calls to
// any other fail. The result is never nil, may be kept, and follows the other plugin
// through restarts and updates.
func (e *Env) Peer(id string) contract.Caller {
	if e.Peers != nil {
		if c := e.Peers(id); c != nil {
			return c
		}
	}
	return Nobody{contract.Errorf(contract.Unavailable, "plugin %s is not running", id)}
}

type envKey struct{}

// With returns a context in which [From] finds e.
func With(ctx context.Context, e *Env) context.Context { return context.WithValue(ctx, envKey{}, e) }

// From returns the Env of the plugin whose handler got ctx, or nil.
func From(ctx context.Context) *Env {
	e, _ := ctx.Value(envKey{}).(*Env)
	return e
}

// Nobody is a caller whose calls all fail.
type Nobody struct{ Err *contract.Error }

// Invoke returns the error.
func (n Nobody) Invoke(context.Context, *contract.Method, any, any) error { return n.Err }

// Stream returns the error.
func (n Nobody) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, n.Err
}

// Offers returns false.
func (n Nobody) Offers(*contract.Method) bool { return false }
