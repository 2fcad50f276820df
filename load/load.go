package load

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// Image is what a driver starts: an installed plugin, a development folder or a plugin
// linked into the program.
type Image struct {
	Manifest *manifest.Manifest
	Runtime  string // name of the driver's runtime, one of those in the manifest
	Tree     string // absolute folder of the unpacked files; empty for inproc
	Digest   string // of the payload; empty in development
	Stamp    string // tells states of a development folder apart; empty: every start is of a new one
	Cache    string // absolute folder where drivers keep what Prepare makes; empty: nowhere
	// Grants is what the operator allows of what the manifest asks for; who starts the image
	// puts it into the [Spec].
	Grants []manifest.Capability
	// Config is the configuration that the operator gave, with references in place of secrets;
	// who starts the image puts it into the [Spec]. Empty: none.
	Config string
	// Check makes sure that the files are still those that were installed; it is asked
	// before each start. Nil: nothing is known of them.
	Check func(context.Context) error
	// Data is the absolute private folder of the plugin. Empty: who starts it says which.
	Data string
	// MakeData makes Data; it is asked before each start. Nil: Data is there.
	MakeData func(context.Context) error
}

// Spec is what an instance gets from its host.
type Spec struct {
	Config  json.RawMessage                   // a JSON object, valid by the plugin's schema; empty: none
	Grants  []manifest.Capability             // what the operator allows
	Host    []contract.Handler                // host services; [Caller] names the calling plugin in them
	Peer    func(manifest.ID) contract.Caller // plugins that this one requires; nil or a nil result: not running
	Log     *slog.Logger                      // takes the plugin's log and output; nil: slog.Default()
	DataDir string                            // absolute private folder; empty: none
	// Hide takes out of an error what nobody is to see; who starts the instance asks it before
	// telling one of its errors. Nil: there is nothing.
	Hide func(error) error
}

// Logger returns s.Log or the default.
func (s Spec) Logger() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

// Driver is one runtime. Drivers are safe for concurrent use.
type Driver interface {
	// Runtime returns the name of the runtime, as plugin.yaml writes it.
	Runtime() string
	// Prepare does the slow work once, when a plugin is installed: it checks that the
	// image can be started here and compiles it. It may be called again and keeps
	// nothing running. Start works without it.
	Prepare(ctx context.Context, im Image) error
	// Start starts the image and opens the plugin with its configuration. ctx bounds
	// the start only. On an error nothing keeps running. Whoever gets the instance
	// closes it.
	Start(ctx context.Context, im Image, s Spec) (Instance, error)
}

// Instance is one running plugin. Its methods are safe for concurrent use, and no
// context given to them outlives the call.
type Instance interface {
	contract.Conn
	// Health asks the plugin whether it is well. A plugin that says nothing in time is
	// not: the error of ctx is returned.
	Health(ctx context.Context) error
	// Quiesce asks the plugin to release what only one instance can hold, a port for
	// example, before another instance starts. It still answers calls.
	Quiesce(ctx context.Context) error
	// Stop refuses new calls with an Unavailable error, waits for those in flight, lets
	// the plugin clean up and ends it. Calls by contract.Direct are not counted: who
	// hands them out waits for them before. When ctx is done first, Stop returns its
	// error, and Close ends the rest by force.
	Stop(ctx context.Context) error
	// Done is closed when the plugin has ended, for whatever reason.
	Done() <-chan struct{}
	// Err returns why the plugin ended: nil before Done, and after Stop or Close.
	Err() error
}

// Reconfigurer is an optional interface of an [Instance].
type Reconfigurer interface {
	// Reconfigure hands a new configuration to the running plugin. An Unimplemented
	// error says that the plugin takes it only when it starts. After any other error the
	// plugin keeps what it had.
	Reconfigure(ctx context.Context, config json.RawMessage) error
}

type callerKey struct{}

// Caller names the plugin that calls a host service, given the context of the service.
// It is empty elsewhere.
func Caller(ctx context.Context) manifest.ID {
	id, _ := ctx.Value(callerKey{}).(manifest.ID)
	return id
}

// WithCaller returns a context in which [Caller] finds id. Drivers call it.
func WithCaller(ctx context.Context, id manifest.ID) context.Context {
	return context.WithValue(ctx, callerKey{}, id)
}
