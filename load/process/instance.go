package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/gate"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// instance implements load.Instance.
type instance struct {
	d        Driver
	manifest *manifest.Manifest
	child    *child
	mux      *frame.Mux
	table    *remote.Table // set by the hello, before any call
	outward  *remote.Outward
	log      *slog.Logger
	gate     *gate.Gate // of calls

	base   context.Context // of calls by the plugin that belong to none of ours
	cancel context.CancelFunc

	greeted bool       // by the reading goroutine
	hello   chan error // gets one value
	logs    chan *frame.Buf
	dropped atomic.Int64 // log records that found no room

	asked atomic.Bool // the host wanted the end
	done  chan struct{}
	err   error // read after done
}

var (
	_ load.Instance     = (*instance)(nil)
	_ load.Reconfigurer = (*instance)(nil)
)

// logQueue is how many log records wait for a slow log; more are counted and dropped.
const logQueue = 1024

func newInstance(d Driver, c *child, im load.Image, s load.Spec) *instance {
	i := &instance{
		d: d, manifest: im.Manifest, child: c, mux: frame.NewMux(c.wire.in, c.wire.out),
		outward: remote.NewOutward(im.Manifest, s), log: s.Logger(), gate: gate.New(),
		hello: make(chan error, 1), logs: make(chan *frame.Buf, logQueue), done: make(chan struct{}),
	}
	i.base, i.cancel = context.WithCancel(context.Background())
	i.mux.On = i.take
	go i.watch()
	return i
}

// watch owns the goroutines of the instance and ends after all of them.
func (i *instance) watch() {
	var broken error
	var work sync.WaitGroup
	work.Go(i.writeLog)
	work.Go(func() {
		broken = i.mux.Run()
		i.child.lost()
		i.cancel()
		close(i.logs)
		i.greet(fmt.Errorf("the connection ended before the plugin said hello: %w", broken))
		if errors.Is(broken, frame.ErrProtocol) {
			i.child.kill()
		}
		i.end(i.d.KillAfter) // without its connection the program is of no use
	})
	<-i.child.exited
	_ = i.child.wire.in.SetReadDeadline(time.Now().Add(outputGrace)) // what it sent last counts
	work.Wait()
	i.child.wire.close()
	if !i.asked.Load() {
		i.err = contract.Errorf(contract.Unavailable, "plugin %s %s", i.manifest.ID, i.child.ending())
		if errors.Is(broken, frame.ErrProtocol) {
			i.err = contract.Errorf(contract.Internal, "plugin %s: %w", i.manifest.ID, broken).Because(contract.ReasonProtocol)
		}
	}
	close(i.done)
}

// end closes the connection and waits for the end of the program, which is forced after
// grace.
func (i *instance) end(grace time.Duration) {
	i.child.wire.finish()
	i.mux.End(frame.ErrClosed)
	timer := time.AfterFunc(grace, i.child.kill)
	defer timer.Stop()
	<-i.child.exited
}

// greet tells the handshake once how the hello went.
func (i *instance) greet(err error) {
	select {
	case i.hello <- err:
	default:
	}
}

// take starts what a frame of the plugin asks for.
func (i *instance) take(b *frame.Buf) error {
	switch t := b.Type(); {
	case t == frame.Hello && !i.greeted:
		defer b.Free()
		return i.takeHello(b.Body())
	case t == frame.Call && i.greeted:
		return i.takeCall(b)
	case t == frame.StreamOpen && i.greeted:
		return i.takeStream(b)
	case t == frame.Log && i.greeted:
		select {
		case i.logs <- b:
		default:
			i.dropped.Add(1)
			b.Free()
		}
		return nil
	default:
		b.Free()
		return fmt.Errorf("%w: unexpected frame: %s", frame.ErrProtocol, t)
	}
}

func (i *instance) takeHello(body []byte) error {
	table, err := remote.NewTable(i.manifest, body, true)
	if err == nil {
		i.table, i.greeted = table, true
		i.mux.Speak(table.Codec())
	}
	i.greet(err)
	return err
}

// takeCall runs a call of the plugin within the context of the call that it serves.
func (i *instance) takeCall(b *frame.Buf) error {
	h, message, err := frame.ParseCall(b.Body())
	if err != nil {
		b.Free()
		return err
	}
	ctx, err := i.begin(b.ID(), h)
	if err != nil || ctx == nil {
		b.Free()
		return err
	}
	go i.serve(ctx, b, h, message)
	return nil
}

// begin is Mux.Begin within the call that the plugin serves meanwhile.
func (i *instance) begin(id uint64, h frame.CallHeader) (context.Context, error) {
	within := i.mux.Context(h.Parent)
	if within == nil {
		within = i.base
	}
	return i.mux.Begin(h.Context(within), id, h.Timeout)
}

// takeStream runs a stream that the plugin opens.
func (i *instance) takeStream(b *frame.Buf) error {
	defer b.Free()
	h, kind, err := frame.ParseStream(b.Body())
	if err != nil {
		return err
	}
	id := b.ID()
	ctx, err := i.begin(id, h)
	if err != nil || ctx == nil {
		return err
	}
	serving, err := i.outward.Stream(i.table.Codec(), h, kind)
	if err != nil {
		i.mux.ReplyError(id, err)
		return nil
	}
	s := i.mux.Accept(ctx, id, serving.Messages)
	err = unanswered(h)
	go func() {
		defer func() { i.mux.ReplyEnd(id, err) }() // also when a service has ended its goroutine
		err = serving.Serve(ctx, s)
	}()
	return nil
}

func unanswered(h frame.CallHeader) *contract.Error {
	return contract.Errorf(contract.Internal, "%s ended without an answer", h.Path).Because(contract.ReasonPanic)
}

func (i *instance) serve(ctx context.Context, b *frame.Buf, h frame.CallHeader, message []byte) {
	defer b.Free()
	answered := false
	defer func() {
		if !answered { // a service has ended its goroutine
			i.mux.ReplyError(b.ID(), unanswered(h))
		}
	}()
	out := frame.NewBuf(frame.Answer)
	body, err := i.outward.Serve(ctx, i.table.Codec(), h, message, out.B)
	answered = true
	if err != nil {
		out.Free()
		i.mux.ReplyError(b.ID(), err)
		return
	}
	out.B = body
	i.mux.Reply(b.ID(), out)
}

// writeLog is a goroutine of its own, because a log may be slow.
func (i *instance) writeLog() {
	for b := range i.logs {
		remote.Log(i.log, i.table.Codec(), b.Body())
		b.Free()
		if n := i.dropped.Swap(0); n > 0 {
			i.log.Warn("the plugin logs faster than the log takes", "dropped", n)
		}
	}
}

// handshake waits for the hello and opens the plugin.
func (i *instance) handshake(ctx context.Context, s load.Spec) error {
	select {
	case err := <-i.hello:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("the plugin did not say hello in time: %w", ctx.Err())
	}
	config, err := wireconfig.Encode(s.Config, i.table.Codec())
	if err != nil {
		return err
	}
	b := frame.NewBuf(frame.Open)
	body, err := frame.AppendOpen(b.B, i.table.Codec(), frame.Left(ctx), config, i.table.Open(s, s.DataDir))
	if err != nil {
		b.Free()
		return err
	}
	b.B = body
	answer, err := i.mux.Do(ctx, b)
	answer.Free()
	return i.told(err)
}
