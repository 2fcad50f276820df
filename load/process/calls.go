package process

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/wireconfig"
)

// Invoke implements contract.Caller.
func (i *instance) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	if !i.gate.Enter() {
		return i.told(frame.ErrClosed)
	}
	defer i.gate.Leave()
	if err := i.table.Check(m); err != nil {
		return err
	}
	b := i.header(ctx, frame.Call, m)
	body, err := i.table.Append(b.B, m, req)
	if err != nil {
		b.Free()
		return err
	}
	b.B = body
	answer, err := i.mux.Do(ctx, b)
	if err != nil {
		return i.told(err)
	}
	defer answer.Free()
	return i.table.Decode(answer.Body(), m, req, resp)
}

// told says an error of the connection in the words of calls.
func (i *instance) told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, frame.ErrClosed):
		return contract.Errorf(contract.Unavailable, "plugin %s is not running", i.manifest.ID).Because(contract.ReasonStopped).NotDelivered()
	case errors.Is(err, frame.ErrLost):
		return contract.Errorf(contract.Unavailable, "plugin %s went away during the call", i.manifest.ID).Because(contract.ReasonCrashed)
	}
	return contract.AsError(err)
}

// header begins a frame that calls m.
func (i *instance) header(ctx context.Context, t frame.Type, m *contract.Method) *frame.Buf {
	b := frame.NewBuf(t)
	b.B = frame.AppendCall(b.B, frame.Left(ctx), i.mux.Parent(ctx), m.Path())
	b.B = frame.AppendTrace(b.B, frame.HeaderSize, ctx)
	return b
}

// Stream implements contract.Caller.
func (i *instance) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	if !i.gate.Enter() {
		return nil, i.told(frame.ErrClosed)
	}
	s, err := i.openStream(ctx, m)
	if err != nil {
		i.gate.Leave()
		return nil, err
	}
	return s, nil
}

func (i *instance) openStream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	if err := i.table.Check(m); err != nil {
		return nil, err
	}
	if err := frame.CheckStream(m, m.Kind()); err != nil {
		return nil, err
	}
	b := i.header(ctx, frame.StreamOpen, m)
	b.B = append(b.B, byte(m.Kind()))
	s, err := i.mux.OpenStream(ctx, b, i.table.Messages(m), i.told, i.gate.Leave)
	if err != nil {
		return nil, i.told(err)
	}
	return s, nil
}

// Offers implements contract.Caller.
func (i *instance) Offers(m *contract.Method) bool { return i.table.Offers(m) }

// request sends a request that is no call and waits for its end.
func (i *instance) request(ctx context.Context, t frame.Type, rest []byte) error {
	ctx, cancel := i.limit(ctx)
	defer cancel()
	b := frame.NewBuf(t)
	b.B = append(frame.AppendTimeout(b.B, frame.Left(ctx)), rest...)
	answer, err := i.mux.Do(ctx, b)
	answer.Free()
	return i.told(err)
}

// limit gives ctx the deadline of the driver if it has none.
func (i *instance) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, i.d.StopTimeout)
}

// Health implements load.Instance.
func (i *instance) Health(ctx context.Context) error {
	err := i.request(ctx, frame.Ping, nil)
	if i.child.attached() && errors.Is(err, contract.DeadlineExceeded) {
		return nil // it stands still in its debugger
	}
	return err
}

// Quiesce implements load.Instance.
func (i *instance) Quiesce(ctx context.Context) error { return i.request(ctx, frame.Quiesce, nil) }

// Reconfigure implements load.Reconfigurer.
func (i *instance) Reconfigure(ctx context.Context, config json.RawMessage) error {
	wire, err := wireconfig.Encode(config, i.table.Codec())
	if err != nil {
		return err
	}
	return i.request(ctx, frame.Configure, wire)
}

// Stop implements load.Instance.
func (i *instance) Stop(ctx context.Context) error {
	ctx, cancel := i.limit(ctx)
	defer cancel()
	var err error
	if i.gate.Close() {
		if err := i.gate.Wait(ctx); err != nil {
			return contract.AsError(err)
		}
		select {
		case <-i.done:
			return nil // it ended before; Err says why
		default:
		}
		i.asked.Store(true)
		err = i.request(ctx, frame.Stop, nil)
	}
	select {
	case <-i.done:
		return err
	case <-ctx.Done():
		return errors.Join(err, contract.AsError(ctx.Err()))
	}
}

// closeLimit is how long Close waits for a program that even the kernel cannot end.
const closeLimit = 5 * time.Second

// Close implements contract.Conn. It closes the connection, gives the program a moment to
// end, and then ends it by force together with what it has started.
func (i *instance) Close() error {
	select {
	case <-i.done:
		return nil
	default:
	}
	i.asked.Store(true)
	i.gate.Close()
	go i.end(i.d.KillAfter)
	timer := time.NewTimer(i.d.KillAfter + closeLimit)
	defer timer.Stop()
	select {
	case <-i.done:
		return nil
	case <-timer.C:
		return contract.Errorf(contract.DeadlineExceeded, "plugin %s: its process cannot be ended", i.manifest.ID)
	}
}

// Done implements load.Instance.
func (i *instance) Done() <-chan struct{} { return i.done }

// Err implements load.Instance.
func (i *instance) Err() error {
	select {
	case <-i.done:
		return i.err
	default:
		return nil
	}
}
