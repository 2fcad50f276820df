package wasm

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/load/internal/remote"
)

// Names of the ABI.
const (
	importModule = "plugstead"
	exportABI    = "plugstead_abi"
	exportBuffer = "plugstead_buffer"
	exportAlloc  = "plugstead_alloc"
	exportCall   = "plugstead_call"
	exportMemory = "memory"
)

var exports = map[string]struct{ params, results []api.ValueType }{
	exportABI:    {nil, []api.ValueType{api.ValueTypeI32}},
	exportBuffer: {[]api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}},
	exportAlloc:  {[]api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}},
	exportCall:   {[]api.ValueType{api.ValueTypeI32, api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}},
}

// checkExports refuses a module that is not of this ABI.
func checkExports(m wazero.CompiledModule) error {
	functions := m.ExportedFunctions()
	for name, want := range exports {
		f, ok := functions[name]
		if !ok {
			return contract.Errorf(contract.FailedPrecondition, "module: it does not export %s", name)
		}
		if string(f.ParamTypes()) != string(want.params) || string(f.ResultTypes()) != string(want.results) {
			return contract.Errorf(contract.FailedPrecondition, "module: its export %s has other parameters or results", name)
		}
	}
	if _, ok := m.ExportedMemories()[exportMemory]; !ok {
		return contract.Errorf(contract.FailedPrecondition, "module: it does not export its memory")
	}
	return nil
}

// guest is one instance of the module. Only who took it from the slots uses it.
type guest struct {
	mod    api.Module
	call   api.Function
	allocs []api.Function // free ones: each can be in one call at a time
	stdout *remote.Lines
	stderr *remote.Lines
	hint   remote.Hint

	at, room uint32 // of the request buffer
	opened   bool
	ctx      context.Context // of the call that runs
	fault    error           // why a host function gave up
	stack    [2]uint64
}

func newGuest(log *slog.Logger, hide func(error) error) *guest {
	g := &guest{ctx: context.Background(), hint: remote.Hint{Hide: hide}}
	g.stdout = &remote.Lines{Log: log, Level: slog.LevelInfo, Stream: "stdout"}
	g.stderr = &remote.Lines{Log: log, Level: slog.LevelWarn, Stream: "stderr", Each: g.hint.Note}
	return g
}

// sleep is the guest's sleep: it ends with the call.
func (g *guest) sleep(ns int64) {
	t := time.NewTimer(time.Duration(ns))
	defer t.Stop()
	select {
	case <-t.C:
	case <-g.ctx.Done():
	}
}

// protocolError says that the guest broke the ABI.
func protocolError(format string, a ...any) error {
	return contract.Errorf(contract.Internal, "%w: %s", frame.ErrProtocol, fmt.Sprintf(format, a...)).Because(contract.ReasonProtocol)
}

// start runs the module's initialisation.
func (g *guest) start(ctx context.Context, r wazero.Runtime, m wazero.CompiledModule, c wazero.ModuleConfig) (err error) {
	g.ctx = ctx
	if g.mod, err = r.InstantiateModule(ctx, m, c); err != nil {
		return err
	}
	g.call = g.mod.ExportedFunction(exportCall)
	version, err := g.mod.ExportedFunction(exportABI).Call(ctx)
	if err != nil {
		return err
	}
	if api.DecodeU32(version[0]) != frame.Version {
		return contract.Errorf(contract.FailedPrecondition, "module: it speaks version %d of the ABI, want %d", api.DecodeU32(version[0]), frame.Version)
	}
	return nil
}

// run sends a request. The answer is valid until the next one: what the plugin gave, or
// with failed its error. An error is the end of g.
func (g *guest) run(ctx context.Context, request []byte) (answer []byte, failed bool, err error) {
	g.ctx, g.fault = ctx, nil
	defer func() { g.ctx = context.Background() }()
	if err := g.reserve(ctx, len(request)); err != nil {
		return nil, false, err
	}
	if !g.mod.Memory().Write(g.at, request) {
		return nil, false, protocolError("its buffer of %d bytes at %d is outside of its memory", g.room, g.at)
	}
	g.stack = [2]uint64{uint64(g.at), uint64(len(request))}
	if err := g.call.CallWithStack(ctx, g.stack[:]); err != nil {
		return nil, false, g.blame(err)
	}
	at, n := uint32(g.stack[0]>>32), uint32(g.stack[0])
	b, ok := g.mod.Memory().Read(at, n)
	if !ok || n == 0 || b[0] > 1 {
		return nil, false, protocolError("its answer of %d bytes at %d is none", n, at)
	}
	return b[1:], b[0] == 1, nil
}

// blame prefers what a host function said to the trap that followed.
func (g *guest) blame(err error) error {
	if g.fault != nil {
		return g.fault
	}
	return err
}

// minRoom is the smallest request buffer worth asking for.
const minRoom = 4 << 10

// reserve makes the request buffer hold n bytes.
func (g *guest) reserve(ctx context.Context, n int) error {
	if n <= int(g.room) {
		return nil
	}
	room := uint32(minRoom)
	for int(room) < n {
		room *= 2
	}
	result, err := g.mod.ExportedFunction(exportBuffer).Call(ctx, uint64(room))
	if err != nil {
		return g.blame(err)
	}
	g.at, g.room = api.DecodeU32(result[0]), room
	return nil
}

// put writes an answer of the host into memory that the guest gives for it.
func (g *guest) put(ctx context.Context, b []byte) (uint64, error) {
	var alloc api.Function
	if n := len(g.allocs); n > 0 {
		alloc, g.allocs = g.allocs[n-1], g.allocs[:n-1]
	} else {
		alloc = g.mod.ExportedFunction(exportAlloc)
	}
	stack := [1]uint64{uint64(len(b))}
	if err := alloc.CallWithStack(ctx, stack[:]); err != nil {
		return 0, err
	}
	g.allocs = append(g.allocs, alloc)
	at := api.DecodeU32(stack[0])
	if !g.mod.Memory().Write(at, b) {
		return 0, protocolError("its memory of %d bytes at %d is outside of its memory", len(b), at)
	}
	return uint64(at)<<32 | uint64(len(b)), nil
}

// close frees the instance. It is not running.
func (g *guest) close() {
	g.stdout.Flush()
	g.stderr.Flush()
	if g.mod != nil {
		_ = g.mod.Close(context.Background()) // it has no files that could fail
	}
}
