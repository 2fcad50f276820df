package inproc

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/gate"
)

// instance implements load.Instance.
type instance struct {
	env   *guest.Env
	in    *guest.Instance
	local *guest.Local
	gate  *gate.Gate
	done  chan struct{}
	ended sync.Once   // of done
	told  atomic.Bool // the plugin to stop

	open context.Context // ends with Close, and streams with it
	cut  context.CancelFunc
}

var (
	_ load.Instance     = (*instance)(nil)
	_ load.Reconfigurer = (*instance)(nil)
	_ contract.Direct   = (*instance)(nil)
)

func (d Driver) newInstance(env *guest.Env, in *guest.Instance) *instance {
	i := &instance{env: env, in: in, gate: gate.New(), done: make(chan struct{})}
	i.open, i.cut = context.WithCancel(context.Background())
	var prepare func(context.Context) context.Context
	if !env.Bound {
		prepare = i.context
	}
	i.local = d.local("plugin "+env.ID, in.Handlers, prepare)
	return i
}

func (i *instance) context(ctx context.Context) context.Context { return guest.With(ctx, i.env) }

func (i *instance) stopped() error {
	return contract.Errorf(contract.Unavailable, "plugin %s was stopped", i.env.ID).Because(contract.ReasonStopped).NotDelivered()
}

// Invoke implements contract.Caller.
func (i *instance) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	if !i.gate.Enter() {
		return i.stopped()
	}
	defer i.gate.Leave()
	err := i.local.Invoke(ctx, m, req, resp)
	guest.LogPanic(ctx, i.env.Log, m.Path(), err)
	return err
}

// Stream implements contract.Caller.
func (i *instance) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	if !i.gate.Enter() {
		return nil, i.stopped()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	cut := contract.Errorf(contract.Unavailable, "plugin %s was stopped during the stream", i.env.ID).Because(contract.ReasonCrashed)
	keep := context.AfterFunc(i.open, func() { cancel(cut) })
	s, ended, err := i.local.Open(ctx, m)
	if err != nil {
		keep()
		cancel(nil)
		i.gate.Leave()
		return nil, err
	}
	go func() {
		<-ended
		keep()
		cancel(nil)
		i.gate.Leave()
	}()
	return stream{s, ctx, cut}, nil
}

// stream is one that Close may have cut off.
type stream struct {
	contract.Stream
	ctx context.Context
	cut *contract.Error // the cause of ctx then
}

// Send implements contract.Stream.
func (s stream) Send(msg any) error {
	err := s.Stream.Send(msg)
	if err == io.EOF {
		return err // Recv says why
	}
	return s.why(err)
}

// Recv implements contract.Stream.
func (s stream) Recv(msg any) error { return s.why(s.Stream.Recv(msg)) }

// why is err, or what cut the stream off.
func (s stream) why(err error) error {
	if err != nil && context.Cause(s.ctx) == error(s.cut) {
		return s.cut
	}
	return err
}

// Offers implements contract.Caller.
func (i *instance) Offers(m *contract.Method) bool { return i.local.Offers(m) }

// Direct implements contract.Direct, for plugins whose handlers need no context of
// their own.
func (i *instance) Direct(m *contract.Method) (*contract.Handler, contract.Releaser) {
	if i.gate.Closed() {
		return nil, nil
	}
	return i.local.Direct(m)
}

// Health implements load.Instance.
func (i *instance) Health(ctx context.Context) error { return i.run(ctx, i.in.Check) }

// Quiesce implements load.Instance.
func (i *instance) Quiesce(ctx context.Context) error { return i.run(ctx, i.in.Quiesce) }

// run calls a function of the lifecycle and waits no longer than ctx: nothing can end a
// function that ignores it.
func (i *instance) run(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	result := make(chan error, 1)
	go func() {
		err := error(contract.Errorf(contract.Internal, "plugin %s ended its goroutine", i.env.ID).Because(contract.ReasonPanic))
		defer func() { result <- err }()
		err = guest.Run(i.context(ctx), f)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return contract.AsError(ctx.Err())
	}
}

// Stop implements load.Instance.
func (i *instance) Stop(ctx context.Context) error {
	if !i.gate.Close() {
		select {
		case <-i.done:
			return nil
		case <-ctx.Done():
			return contract.AsError(ctx.Err())
		}
	}
	defer i.end()
	if err := i.gate.Wait(ctx); err != nil {
		return contract.AsError(err)
	}
	return i.stop(ctx)
}

// stop stops the plugin once.
func (i *instance) stop(ctx context.Context) error {
	if i.told.Swap(true) {
		return nil
	}
	return i.run(ctx, i.in.Stop)
}

func (i *instance) end() { i.ended.Do(func() { close(i.done) }) }

// patience is how long something is waited for that should have come.
const patience = 5 * time.Second

// Close implements contract.Conn. A plugin that Stop has not stopped, because calls went on,
// or nobody asked, is stopped without waiting for calls, and its streams are cut off. It returns after some seconds also
// if the plugin does not stop, with contract.DeadlineExceeded.
func (i *instance) Close() error {
	i.gate.Close()
	i.cut()
	defer i.end()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return i.stop(ctx)
}

// Done implements load.Instance.
func (i *instance) Done() <-chan struct{} { return i.done }

// Err implements load.Instance: only Stop and Close end a plugin in this process.
func (i *instance) Err() error { return nil }
