package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load/internal/remote"
)

// Invoke implements contract.Caller.
func (i *instance) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	if !i.gate.Enter() {
		return i.stopped()
	}
	defer i.gate.Leave()
	if err := i.table.Check(m); err != nil {
		return err
	}
	b := frame.NewBuf(frame.Call)
	defer b.Free()
	// A context without deadline gets that of the driver; the plugin need not know it.
	head := frame.AppendCall(append(b.B[:0], byte(frame.Call)), frame.Left(ctx), 0, m.Path())
	head = frame.AppendTrace(head, 1, ctx)
	request, err := i.table.Append(head, m, req)
	if err != nil {
		return err
	}
	b.B = request
	return i.use(ctx, true, request, func(answer []byte) error { return i.table.Decode(answer, m, req, resp) })
}

// imports gives the module its functions.
func (i *instance) imports(ctx context.Context, r wazero.Runtime) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	_, err := r.NewHostModuleBuilder(importModule).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(i.hostCall), []api.ValueType{i32, i32}, []api.ValueType{i64}).Export("call").
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(i.hostLog), []api.ValueType{i32, i32}, nil).Export("log").
		Instantiate(ctx)
	return err
}

// argument returns the guest's memory that a host function was called with. A bad one is
// the end of the guest: the panic becomes a trap.
func (i *instance) argument(ctx context.Context, mod api.Module, stack []uint64) (*guest, []byte) {
	g, ok := ctx.Value(heldKey{i}).(*guest)
	if !ok {
		panic(protocolError("a host function was called outside of a call"))
	}
	at, n := api.DecodeU32(stack[0]), api.DecodeU32(stack[1])
	b, ok := mod.Memory().Read(at, n)
	if !ok {
		g.fail(protocolError("it calls the host with %d bytes at %d, outside of its memory", n, at))
	}
	return g, b
}

// fail ends the guest from within a host function.
func (g *guest) fail(err error) {
	g.fault = err
	panic(err)
}

// hostCall runs a call of the plugin.
func (i *instance) hostCall(ctx context.Context, mod api.Module, stack []uint64) {
	g, memory := i.argument(ctx, mod, stack)
	in, out := frame.NewBuf(frame.Call), frame.NewBuf(frame.Answer)
	defer in.Free()
	defer out.Free()
	in.B = append(in.B[:0], memory...) // the guest's memory moves when it grows
	h, message, err := frame.ParseCall(in.B)
	if err != nil {
		g.fail(protocolError("%v", err))
	}
	answer, err := i.serve(ctx, h, message, append(out.B[:0], 0))
	if err != nil {
		answer = frame.AppendError(append(out.B[:0], 1), i.codec(), err)
	}
	out.B = answer
	if stack[0], err = g.put(ctx, answer); err != nil {
		g.fail(err)
	}
}

func (i *instance) serve(ctx context.Context, h frame.CallHeader, message, out []byte) ([]byte, error) {
	if h.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Timeout)
		defer cancel()
	}
	return i.outward.Serve(h.Context(ctx), i.codec(), h, message, out)
}

// hostLog takes a record of the plugin.
func (i *instance) hostLog(ctx context.Context, mod api.Module, stack []uint64) {
	_, b := i.argument(ctx, mod, stack)
	remote.Log(i.log, i.codec(), b)
}

// Stream implements contract.Caller.
func (i *instance) Stream(_ context.Context, m *contract.Method) (contract.Stream, error) {
	if err := i.table.Check(m); err != nil {
		return nil, err
	}
	return nil, frame.CheckStream(m, m.Kind())
}

// Offers implements contract.Caller.
func (i *instance) Offers(m *contract.Method) bool { return i.table.Offers(m) }

// Health implements load.Instance. A plugin that is busy in all its instances is well:
// every call has a deadline of its own.
func (i *instance) Health(ctx context.Context) error {
	if i.gate.Closed() {
		return i.stopped()
	}
	if len(i.idle)+len(i.empty) == 0 {
		return nil
	}
	return i.use(ctx, true, control(ctx, frame.Ping, nil), func([]byte) error { return nil })
}

// Quiesce implements load.Instance.
func (i *instance) Quiesce(ctx context.Context) error {
	if i.gate.Closed() {
		return i.stopped()
	}
	return i.each(ctx, frame.Quiesce, nil, func() {})
}

// Reconfigure implements load.Reconfigurer.
func (i *instance) Reconfigure(ctx context.Context, config json.RawMessage) error {
	if i.gate.Closed() {
		return i.stopped()
	}
	wire, err := wireconfig.Encode(config, i.table.Codec())
	if err != nil {
		return err
	}
	return i.each(ctx, frame.Configure, wire, func() { i.configure(wire) })
}

// Stop implements load.Instance.
func (i *instance) Stop(ctx context.Context) error {
	ctx, cancel := i.limit(ctx)
	defer cancel()
	if !i.gate.Close() {
		select {
		case <-i.done:
			return nil
		case <-ctx.Done():
			return contract.AsError(ctx.Err())
		}
	}
	if err := i.gate.Wait(ctx); err != nil {
		return contract.AsError(err)
	}
	err := i.each(ctx, frame.Stop, nil, func() {})
	return errors.Join(err, i.Close())
}

// Close implements contract.Conn. Calls in flight are ended at once.
func (i *instance) Close() error {
	i.gate.Close()
	i.mu.Lock()
	i.closed = true
	for _, cancel := range i.running {
		cancel()
	}
	i.mu.Unlock()
	i.free.Do(func() { go i.release() })
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case <-i.done:
		return nil
	case <-timer.C:
		return contract.Errorf(contract.DeadlineExceeded, "plugin %s waits for a host service that does not end", i.manifest.ID)
	}
}

// release frees everything when nothing runs any more: compiled code must not go away
// under a guest.
func (i *instance) release() {
	ctx := context.Background()
	held, err := i.every(ctx)
	for _, g := range held {
		if g != nil {
			g.close()
		}
	}
	_ = errors.Join(err, i.runtime.Close(ctx), closeCache(i.cache)) // memory; nothing to be done about it
	close(i.done)
}

// Done implements load.Instance.
func (i *instance) Done() <-chan struct{} { return i.done }

// Err implements load.Instance: a module that traps is replaced, so only Stop and Close
// end it.
func (i *instance) Err() error { return nil }
