package wasm

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/gate"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// instance implements load.Instance: one plugin in a fixed number of slots.
type instance struct {
	d        Driver
	manifest *manifest.Manifest
	spec     load.Spec
	env      []string // besides that of the grants
	log      *slog.Logger
	outward  *remote.Outward
	table    *remote.Table // set before any call
	gate     *gate.Gate    // of calls

	engine   wazero.RuntimeConfig
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	cache    wazero.CompilationCache

	// A fixed number of slots, each with an instance of the module or empty. Who takes
	// an empty one fills it.
	idle  chan *guest
	empty chan struct{}
	all   chan struct{} // one token, for who wants every slot

	mu      sync.Mutex
	config  []byte // in the codec of the plugin
	running map[*guest]context.CancelFunc
	closed  bool

	free sync.Once
	done chan struct{}
}

var (
	_ load.Instance     = (*instance)(nil)
	_ load.Reconfigurer = (*instance)(nil)
)

// heldKey finds in a context the guest of i that waits for what runs in it.
type heldKey struct{ i *instance }

// take waits for a slot; an empty one is nil. Within a call of the same plugin it does
// not wait: the slot that it would wait for may wait for it.
func (i *instance) take(ctx context.Context) (*guest, error) {
	select {
	case g := <-i.idle:
		return g, nil
	default:
	}
	if ctx.Value(heldKey{i}) != nil {
		select {
		case <-i.empty:
			return nil, nil
		default:
			return nil, contract.Errorf(contract.FailedPrecondition, "plugin %s is called while it waits for the answer of this call", i.manifest.ID).Because(contract.ReasonCycle)
		}
	}
	select {
	case g := <-i.idle:
		return g, nil
	case <-i.empty:
		return nil, nil
	case <-ctx.Done():
		return nil, contract.AsError(ctx.Err())
	}
}

// give gives a slot back.
func (i *instance) give(g *guest) {
	if g == nil {
		i.empty <- struct{}{}
		return
	}
	i.idle <- g
}

// limit gives ctx the deadline of the driver if it has none.
func (i *instance) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, i.d.CallTimeout)
}

// use runs a request in a slot: f gets the answer. Whatever goes wrong in the guest
// empties the slot.
func (i *instance) use(ctx context.Context, opened bool, request []byte, f func([]byte) error) error {
	if err := ctx.Err(); err != nil {
		return contract.AsError(err)
	}
	ctx, cancel := i.limit(ctx)
	defer cancel()
	g, err := i.take(ctx)
	if err != nil {
		return err
	}
	if g == nil || opened && !g.opened {
		if g, err = i.ready(ctx, cancel, g, opened); err != nil {
			i.give(nil)
			return err
		}
	}
	keep, err := i.within(ctx, cancel, g, request, f)
	if !keep {
		g.close()
		g = nil
	}
	i.give(g)
	return err
}

// ready fills an empty slot, and opens the plugin in it.
func (i *instance) ready(ctx context.Context, cancel context.CancelFunc, g *guest, open bool) (*guest, error) {
	if g == nil {
		g = newGuest(i.log, i.spec.Hide)
		if err := i.start(ctx, cancel, g); err != nil {
			g.close()
			return nil, err
		}
	}
	if !open {
		return g, nil
	}
	i.mu.Lock()
	config := i.config
	i.mu.Unlock()
	request, err := frame.AppendOpen([]byte{byte(frame.Open)}, i.table.Codec(), frame.Left(ctx), config, i.table.Open(i.spec, ""))
	if err == nil {
		_, err = i.within(ctx, cancel, g, request, func([]byte) error { return nil })
	}
	if err != nil {
		g.close()
		return nil, err
	}
	g.opened = true
	return g, nil
}

func (i *instance) start(ctx context.Context, cancel context.CancelFunc, g *guest) error {
	if err := i.enter(g, cancel); err != nil {
		return err
	}
	defer i.leave(g)
	if err := g.start(context.WithValue(ctx, heldKey{i}, g), i.runtime, i.compiled, i.moduleConfig(g)); err != nil {
		return i.explain(ctx, g, err)
	}
	return nil
}

// enter makes Close able to end what g runs.
func (i *instance) enter(g *guest, cancel context.CancelFunc) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return i.stopped()
	}
	i.running[g] = cancel
	return nil
}

func (i *instance) leave(g *guest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.running, g)
}

// within runs a request in g and reports whether g can be used again.
func (i *instance) within(ctx context.Context, cancel context.CancelFunc, g *guest, request []byte, f func([]byte) error) (keep bool, err error) {
	if err := i.enter(g, cancel); err != nil {
		return false, err
	}
	defer i.leave(g)
	answer, failed, err := g.run(context.WithValue(ctx, heldKey{i}, g), request)
	if err != nil {
		return false, i.explain(ctx, g, err)
	}
	if failed {
		err = frame.ParseError(answer, i.codec())
	} else {
		err = f(answer)
	}
	// A context that ended just now may still close the module behind us.
	return ctx.Err() == nil, err
}

func (i *instance) codec() contract.Codec {
	if i.table == nil {
		return contract.CBOR
	}
	return i.table.Codec()
}

// explain says why g is lost.
func (i *instance) explain(ctx context.Context, g *guest, err error) error {
	g.stderr.Flush()
	i.mu.Lock()
	closed := i.closed
	i.mu.Unlock()
	var known *contract.Error
	switch {
	case closed:
		return contract.Errorf(contract.Unavailable, "plugin %s was stopped during the call", i.manifest.ID).Because(contract.ReasonCrashed)
	case ctx.Err() != nil:
		return contract.AsError(ctx.Err())
	case errors.As(err, &known):
		return known
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	return contract.Errorf(contract.Unavailable, "plugin %s went away during the call: %s%s", i.manifest.ID, reason, g.hint.After()).Because(contract.ReasonCrashed)
}

func (i *instance) stopped() error {
	return contract.Errorf(contract.Unavailable, "plugin %s is not running", i.manifest.ID).Because(contract.ReasonStopped).NotDelivered()
}

// greet asks the module what it implements.
func (i *instance) greet(ctx context.Context) error {
	hello := append([]byte{byte(frame.Hello)}, i.manifest.ID...)
	return i.use(ctx, false, hello, func(b []byte) (err error) {
		i.table, err = remote.NewTable(i.manifest, b, false)
		return err
	})
}

// configure keeps the configuration for the instances to come.
func (i *instance) configure(wire []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.config = wire
}

// open opens the plugin once, so that Start says what is wrong.
func (i *instance) open(ctx context.Context) error {
	wire, err := wireconfig.Encode(i.spec.Config, i.table.Codec())
	if err != nil {
		return err
	}
	i.configure(wire)
	ctx, cancel := i.limit(ctx)
	defer cancel()
	g, err := i.take(ctx)
	if err != nil {
		return err
	}
	g, err = i.ready(ctx, cancel, g, true)
	i.give(g)
	return err
}

// every takes all slots, so that nothing runs until they are given back. An error gives
// back what it took.
func (i *instance) every(ctx context.Context) ([]*guest, error) {
	select {
	case <-i.all:
	case <-ctx.Done():
		return nil, contract.AsError(ctx.Err())
	}
	var held []*guest
	for range i.d.Instances {
		g, err := i.take(ctx)
		if err != nil {
			i.giveAll(held)
			return nil, err
		}
		held = append(held, g)
	}
	return held, nil
}

func (i *instance) giveAll(held []*guest) {
	for _, g := range held {
		i.give(g)
	}
	i.all <- struct{}{}
}

// each runs a request in every opened instance, and commit when all of them took it. If
// one did not, those that did are thrown away: the next ones are opened as before.
func (i *instance) each(ctx context.Context, t frame.Type, rest []byte, commit func()) error {
	ctx, cancel := i.limit(ctx)
	defer cancel()
	held, err := i.every(ctx)
	if err != nil {
		return err
	}
	defer func() { i.giveAll(held) }()
	var errs []error
	var took []int
	for n, g := range held {
		if g == nil || !g.opened {
			continue
		}
		keep, err := i.within(ctx, cancel, g, control(ctx, t, rest), func([]byte) error { return nil })
		switch {
		case !keep:
			i.drop(held, n)
		case err == nil:
			took = append(took, n)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		for _, n := range took {
			i.drop(held, n)
		}
		return contract.AsError(err)
	}
	commit()
	return nil
}

func (i *instance) drop(held []*guest, n int) {
	held[n].close()
	held[n] = nil
}

// control is a request that is no call.
func control(ctx context.Context, t frame.Type, rest []byte) []byte {
	return append(frame.AppendTimeout([]byte{byte(t)}, frame.Left(ctx)), rest...)
}

// closeLimit is how long Close waits for host services that do not end.
const closeLimit = 5 * time.Second
