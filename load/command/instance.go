package command

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/gate"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/load/internal/tree"
)

// maxTries is how often one idempotent call is made at most.
const maxTries = 3

// instance implements load.Instance. It owns no process but those of its calls.
type instance struct {
	d      Driver
	image  load.Image
	path   string
	table  *remote.Table
	log    *slog.Logger
	hide   func(error) error
	env    []string
	config atomic.Pointer[string]

	slots   chan struct{} // of runs
	calls   *gate.Gate
	runs    *gate.Gate    // may outlast their calls for a moment
	closing chan struct{} // closed by Close: runs are ended
	once    sync.Once     // of closing
	hold    sync.Once     // of release
	release func()        // what guards programs of a killed host
	done    chan struct{}
	ended   sync.Once // of done
}

var (
	_ load.Instance     = (*instance)(nil)
	_ load.Reconfigurer = (*instance)(nil)
)

func newInstance(d Driver, path, config string, im load.Image, s load.Spec) *instance {
	i := &instance{
		d: d, image: im, path: path, table: remote.Declared(im.Manifest), log: s.Logger(), hide: s.Hide, env: environ(im.Manifest, s),
		slots: make(chan struct{}, d.Concurrency), calls: gate.New(), runs: gate.New(),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	i.config.Store(&config)
	return i
}

func (i *instance) stopped() *contract.Error {
	return contract.Errorf(contract.Unavailable, "plugin %s is not running", i.image.Manifest.ID).Because(contract.ReasonStopped).NotDelivered()
}

// Invoke implements contract.Caller.
func (i *instance) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	if !i.calls.Enter() {
		return i.stopped()
	}
	defer i.calls.Leave()
	if err := i.table.Check(m); err != nil {
		return err
	}
	input, err := i.table.Append(nil, m, req)
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		answer, err := i.call(ctx, m, input)
		switch {
		case err == nil:
			return i.table.Decode(answer, m, req, resp)
		case !again(m, err) || i.isClosing():
			return err
		case tries == maxTries:
			return contract.Errorf(contract.Internal, "%w (%d times)", err, tries).Because(contract.ReasonCrashed)
		}
	}
}

// again reports whether a call of m that failed with err may be made once more.
func again(m *contract.Method, err error) bool {
	e := contract.AsError(err)
	return m.Idempotent && e.Code == contract.Unavailable && e.Reason == contract.ReasonCrashed
}

func (i *instance) isClosing() bool {
	select {
	case <-i.closing:
		return true
	default:
		return false
	}
}

// call runs the program once.
func (i *instance) call(ctx context.Context, m *contract.Method, input []byte) ([]byte, error) {
	r, err := i.begin(ctx, m, input)
	if err != nil {
		return nil, err
	}
	var o outcome
	select {
	case o = <-r.ended:
	case <-ctx.Done():
		return i.cut(r, m, contract.AsError(ctx.Err()))
	case <-i.closing:
		return i.cut(r, m, contract.Errorf(contract.Unavailable, "plugin %s was stopped during the call", i.image.Manifest.ID).Because(contract.ReasonCrashed))
	}
	return i.result(r, m, o)
}

// cut ends a run that is not waited for any longer, unless it has just ended.
func (i *instance) cut(r *run, m *contract.Method, err *contract.Error) ([]byte, error) {
	select {
	case o := <-r.ended:
		return i.result(r, m, o)
	default:
	}
	r.kill()
	r.until(time.Now())
	return nil, err
}

func (i *instance) result(r *run, m *contract.Method, o outcome) ([]byte, error) {
	if r.tooLarge() {
		return nil, contract.Errorf(contract.ResourceExhausted, "plugin %s: %s: answer of more than the limit of %d bytes", i.image.Manifest.ID, m.Path(), m.Limit()).Because(contract.ReasonTooLarge)
	}
	return o.answer(i.image.Manifest.ID)
}

// begin waits for its turn and starts the program.
func (i *instance) begin(ctx context.Context, m *contract.Method, input []byte) (*run, error) {
	select {
	case i.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, contract.AsError(ctx.Err()).NotDelivered()
	case <-i.closing:
		return nil, i.stopped()
	}
	if err := ctx.Err(); err != nil {
		<-i.slots
		return nil, contract.AsError(err).NotDelivered()
	}
	if !i.runs.Enter() {
		<-i.slots
		return nil, i.stopped()
	}
	i.hold.Do(func() { i.release = tree.Hold(i.log) })
	leave := func() { i.runs.Leave(); <-i.slots }
	r, err := launch(ctx, job{
		path: i.path, dir: i.image.Tree, args: arguments(m.Path()),
		env: slices.Concat(i.env, ofCall(ctx, *i.config.Load())), input: input, limit: m.Limit(),
		log: i.log.With("method", m.Path()), hide: i.hide,
	}, leave)
	if err != nil {
		leave()
		return nil, i.notStarted(err)
	}
	return r, nil
}

// notStarted says why no program runs.
func (i *instance) notStarted(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return contract.AsError(err).NotDelivered()
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return contract.Errorf(contract.ResourceExhausted, "plugin %s: start the command: %w", i.image.Manifest.ID, err).NotDelivered()
	}
	return contract.Errorf(contract.FailedPrecondition, "plugin %s: start the command: %w", i.image.Manifest.ID, err).NotDelivered()
}

// Stream implements contract.Caller: there are none.
func (i *instance) Stream(_ context.Context, m *contract.Method) (contract.Stream, error) {
	if i.calls.Closed() {
		return nil, i.stopped()
	}
	if err := i.table.Check(m); err != nil {
		return nil, err
	}
	return nil, contract.Errorf(contract.FailedPrecondition, "%s is no stream", m.Path())
}

// Offers implements contract.Caller. It goes by the manifest.
func (i *instance) Offers(m *contract.Method) bool { return i.table.Offers(m) }

// Health implements load.Instance: what is run is there.
func (i *instance) Health(ctx context.Context) error {
	if i.calls.Closed() {
		return i.stopped()
	}
	if err := ctx.Err(); err != nil {
		return contract.AsError(err)
	}
	_, err := program(i.image)
	return err
}

// Quiesce implements load.Instance: nothing is held between calls.
func (i *instance) Quiesce(ctx context.Context) error {
	if i.calls.Closed() {
		return i.stopped()
	}
	return asError(ctx.Err())
}

// Reconfigure implements load.Reconfigurer: later runs get the new configuration.
func (i *instance) Reconfigure(_ context.Context, raw json.RawMessage) error {
	if i.calls.Closed() {
		return i.stopped()
	}
	config, err := configOf(raw)
	if err == nil {
		i.config.Store(&config)
	}
	return err
}

// asError is [contract.AsError] that keeps nil.
func asError(err error) error {
	if err == nil {
		return nil
	}
	return contract.AsError(err)
}

// wait waits for the end of all calls and runs.
func (i *instance) wait(ctx context.Context) error {
	if err := i.calls.Wait(ctx); err != nil {
		return err
	}
	i.runs.Close() // no call, so none begins
	return i.runs.Wait(ctx)
}

func (i *instance) end() {
	i.ended.Do(func() {
		i.hold.Do(func() { i.release = func() {} })
		i.release()
		close(i.done)
	})
}

// Stop implements load.Instance.
func (i *instance) Stop(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, i.d.StopTimeout)
		defer cancel()
	}
	i.calls.Close()
	if err := i.wait(ctx); err != nil {
		return contract.AsError(err)
	}
	i.end()
	return nil
}

// closeLimit is how long Close waits for programs that even the kernel cannot end.
const closeLimit = 5 * time.Second

// Close implements contract.Conn. It ends by force what runs.
func (i *instance) Close() error {
	i.calls.Close()
	i.once.Do(func() { close(i.closing) })
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := i.wait(ctx); err != nil {
		return contract.Errorf(contract.DeadlineExceeded, "plugin %s: its processes cannot be ended", i.image.Manifest.ID)
	}
	i.end()
	return nil
}

// Done implements load.Instance.
func (i *instance) Done() <-chan struct{} { return i.done }

// Err implements load.Instance: only Stop and Close end a plugin that has no process.
func (i *instance) Err() error { return nil }
