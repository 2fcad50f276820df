//go:build wasip1

package sdk

import (
	"context"
	"time"
	"unsafe"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
)

const (
	offerTimeout = 5 * time.Second // of a question that has no context
	keepSpare    = 256 << 10       // bytes
)

// Main does nothing: a WebAssembly module of this kind is called through its exports,
// and its main function never runs.
func Main() {}

// The memory of the module is used by one call at a time, but goroutines of the plugin
// may call the host while the host waits for memory, so answers of the host are kept by
// address.
var (
	request []byte                // where the host writes requests
	answers = map[uint32][]byte{} // where the host writes answers, until they are read
	reply   []byte                // the last answer to the host
	spare   []byte                // for calls to the host
	opened  *guest.Served
)

//go:wasmimport plugstead call
func hostCall(ptr, n uint32) uint64

//go:wasmimport plugstead log
func hostLog(ptr, n uint32)

//go:wasmexport plugstead_abi
func abi() uint32 { return frame.Version }

// buffer returns memory of n bytes for requests; it stays good until the next buffer.
//
//go:wasmexport plugstead_buffer
func buffer(n uint32) uint32 {
	if int(n) > cap(request) || request == nil {
		request = make([]byte, max(n, 512))
	}
	return address(request[:cap(request)])
}

// alloc returns memory of n bytes for one answer of the host.
//
//go:wasmexport plugstead_alloc
func alloc(n uint32) uint32 {
	b := make([]byte, max(n, 1))
	p := address(b)
	answers[p] = b
	return p
}

// call runs the request of n bytes at ptr.
//
//go:wasmexport plugstead_call
func call(ptr, n uint32) uint64 {
	full := request[:cap(request)]
	if ptr != address(full) || int(n) > len(full) || n == 0 {
		panic("plugstead_call: not the buffer of plugstead_buffer")
	}
	out, err := dispatch(frame.Type(full[0]), full[1:n], append(reply[:0], 0))
	if err != nil {
		out = frame.AppendError(append(reply[:0], 1), contract.CBOR, err)
	}
	reply = out
	return uint64(address(out))<<32 | uint64(len(out))
}

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// dispatch appends the answer to out.
func dispatch(t frame.Type, body, out []byte) ([]byte, error) {
	switch t {
	case frame.Hello:
		r, err := guest.Linked.Pick(string(body))
		if err != nil {
			return nil, err
		}
		return contract.CBOR.Append(out, r.Hello())
	case frame.Open:
		return out, open(body)
	case frame.Call:
		return handle(body, out)
	}
	if opened == nil {
		return nil, errNoPlugin
	}
	left, rest, err := frame.ParseTimeout(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := guest.Limit(context.Background(), left)
	defer cancel()
	return out, opened.Lifecycle(ctx, t, rest)
}

var errNoPlugin = contract.Errorf(contract.FailedPrecondition, "the plugin is not open")

func open(body []byte) error {
	left, config, m, err := frame.ParseOpen(body, contract.CBOR)
	if err != nil {
		return err
	}
	r, err := guest.Linked.Pick(m.Plugin)
	if err != nil {
		return err
	}
	ctx, cancel := guest.Limit(context.Background(), left)
	defer cancel()
	opened, err = r.Serve(ctx, newEnv(imports{}, m, log), m, config)
	return err
}

func handle(body, out []byte) ([]byte, error) {
	h, message, err := frame.ParseCall(body)
	if err != nil {
		return nil, err
	}
	if opened == nil {
		return nil, errNoPlugin
	}
	ctx, cancel := guest.Limit(context.Background(), h.Timeout)
	defer cancel()
	return opened.Call(ctx, h, message, out)
}

// imports is the host behind the functions that it gives to the module.
type imports struct{}

// carry implements carrier.
func (imports) carry(ctx context.Context, t frame.Target, peer string, m *contract.Method, add func([]byte) ([]byte, error), take func([]byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := spare[:0]
	spare = nil // another goroutine may call while this one encodes
	if left := frame.Left(ctx); t == frame.Receiver {
		b = frame.AppendCall(b, left, 0, m.Path())
	} else {
		b = frame.AppendPeerCall(b, t, left, 0, peer, m)
	}
	b = frame.AppendTrace(b, 0, ctx)
	b, err := add(b)
	if err != nil {
		return err
	}
	r := hostCall(address(b), uint32(len(b)))
	if cap(b) <= keepSpare {
		spare = b
	}
	p, n := uint32(r>>32), uint32(r)
	out := answers[p]
	delete(answers, p)
	if out == nil || int(n) > len(out) || n == 0 {
		return contract.Errorf(contract.Internal, "the host gave a bad answer").Because(contract.ReasonProtocol)
	}
	if out[0] != 0 {
		return frame.ParseError(out[1:n], contract.CBOR)
	}
	return take(out[1:n])
}

// stream implements carrier.
func (imports) stream(_ context.Context, _ frame.Target, _ string, m *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "%s is a %s, and WebAssembly carries no streams", m.Path(), m.Kind())
}

func (imports) streams() bool { return false }

func log(m *frame.LogMessage) {
	b, err := contract.CBOR.Append(nil, m)
	if err == nil && len(b) <= frame.MaxLog {
		hostLog(address(b), uint32(len(b)))
	}
}
