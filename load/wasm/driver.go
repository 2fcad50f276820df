package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/gate"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// Driver is the runtime of plugins that are WebAssembly modules. The zero value is
// ready.
type Driver struct {
	// CallTimeout ends calls whose context has no deadline; default 30 s.
	CallTimeout time.Duration
	// MemoryLimit is what one instance may use, in bytes, rounded up to 64 KiB; default
	// 256 MiB.
	MemoryLimit int64
	// Instances is how many calls of one plugin run at once, each in an instance with a
	// state of its own; default 1, so that a plugin has one state as in other runtimes.
	Instances int
}

var _ load.Driver = Driver{}

const (
	maxModule    = 256 << 20 // bytes
	pageSize     = 64 << 10
	maxPages     = 1 << 16
	maxInstances = 1024
)

// Runtime returns manifest.RuntimeWasm.
func (Driver) Runtime() string { return manifest.RuntimeWasm }

func (d Driver) withDefaults() Driver {
	if d.CallTimeout == 0 {
		d.CallTimeout = 30 * time.Second
	}
	if d.MemoryLimit == 0 {
		d.MemoryLimit = 256 << 20
	}
	d.Instances = min(max(d.Instances, 1), maxInstances)
	return d
}

func (d Driver) pages() uint32 {
	return uint32(min(max((d.MemoryLimit+pageSize-1)/pageSize, 1), maxPages))
}

// Prepare compiles the module into the cache of the image and checks what it says of
// itself. A module that is none, or not of this ABI, is a FailedPrecondition error.
func (d Driver) Prepare(ctx context.Context, im load.Image) error {
	d = d.withDefaults()
	i, err := d.compile(ctx, im, load.Spec{})
	if err != nil {
		return err
	}
	err = i.greet(ctx)
	return errors.Join(err, i.Close())
}

var _ load.Describer = Driver{}

// Describe implements load.Describer.
func (d Driver) Describe(ctx context.Context, im load.Image) (*manifest.Built, error) {
	d = d.withDefaults()
	im.Cache = ""
	i, err := d.compileAs(ctx, im, load.Spec{}, wazero.NewRuntimeConfigInterpreter()) // for a single answer
	if err != nil {
		return nil, err
	}
	i.env = []string{remote.Describing}
	if err := i.greet(ctx); err != nil {
		return nil, contract.AsError(errors.Join(fmt.Errorf("describe %s: %w", im.Manifest.ID, err), i.Close()))
	}
	return i.table.Built(), i.Close()
}

// Start compiles the module, or takes it from the cache, and opens the plugin.
func (d Driver) Start(ctx context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	d = d.withDefaults()
	i, err := d.compile(ctx, im, s)
	if err != nil {
		return nil, err
	}
	if err = i.greet(ctx); err == nil {
		err = i.open(ctx)
	}
	if err != nil {
		return nil, contract.AsError(errors.Join(fmt.Errorf("start %s: %w", im.Manifest.ID, err), i.Close()))
	}
	return i, nil
}

// compile makes everything but instances of the module.
func (d Driver) compile(ctx context.Context, im load.Image, s load.Spec) (*instance, error) {
	return d.compileAs(ctx, im, s, wazero.NewRuntimeConfig())
}

// compileAs is compile for an engine.
func (d Driver) compileAs(ctx context.Context, im load.Image, s load.Spec, engine wazero.RuntimeConfig) (*instance, error) {
	code, err := module(im)
	if err != nil {
		return nil, err
	}
	i := &instance{
		d: d, manifest: im.Manifest, spec: s, log: s.Logger(), outward: remote.NewOutward(im.Manifest, s), gate: gate.New(),
		running: map[*guest]context.CancelFunc{}, done: make(chan struct{}), engine: engine,
	}
	if err := i.build(ctx, im.Cache, code); err != nil {
		return nil, contract.AsError(fmt.Errorf("plugin %s: %w", im.Manifest.ID, err))
	}
	i.idle, i.empty, i.all = make(chan *guest, d.Instances), make(chan struct{}, d.Instances), make(chan struct{}, 1)
	i.all <- struct{}{}
	for range d.Instances {
		i.give(nil)
	}
	return i, nil
}

// module reads the file of the module.
func module(im load.Image) ([]byte, error) {
	entry, ok := im.Manifest.Runtimes.Entry(manifest.RuntimeWasm, manifest.WasmPlatform)
	if !ok {
		return nil, contract.Errorf(contract.FailedPrecondition, "plugin %s has no WebAssembly module", im.Manifest.ID)
	}
	entry = filepath.FromSlash(entry)
	if !filepath.IsAbs(im.Tree) || !filepath.IsLocal(entry) {
		return nil, contract.Errorf(contract.InvalidArgument, "plugin %s: module %q in folder %q: want a path below an absolute folder", im.Manifest.ID, entry, im.Tree)
	}
	path := filepath.Join(im.Tree, entry)
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxModule) {
		err = fmt.Errorf("%s is no file of at most %d bytes", path, maxModule)
	}
	if err != nil {
		return nil, contract.Errorf(contract.FailedPrecondition, "plugin %s: module: %w", im.Manifest.ID, err)
	}
	return os.ReadFile(path)
}

// build makes the runtime: compiled code, WASI and our own imports.
func (i *instance) build(ctx context.Context, cache string, code []byte) error {
	if cache != "" {
		c, err := openCache(cache)
		if err != nil {
			return err
		}
		if i.try(ctx, c, code) == nil {
			return nil
		}
		// A damaged cache must not keep a plugin from starting: compile without it, and if
		// that works the cache was the cause.
		if err := i.try(ctx, nil, code); err != nil {
			return err
		}
		return clearCache(cache)
	}
	return i.try(ctx, nil, code)
}

func (i *instance) try(ctx context.Context, cache wazero.CompilationCache, code []byte) (err error) {
	config := i.engine.WithCloseOnContextDone(true).WithMemoryLimitPages(i.d.pages()).WithDebugInfoEnabled(false)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(context.Background()), closeCache(cache))
		}
	}()
	compiled, err := r.CompileModule(ctx, code)
	if err != nil {
		return contract.Errorf(contract.FailedPrecondition, "module: %w", err)
	}
	if err := checkExports(compiled); err != nil {
		return err
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return err
	}
	if err := i.imports(ctx, r); err != nil {
		return err
	}
	i.runtime, i.compiled, i.cache = r, compiled, cache
	return nil
}

// moduleConfig opens clocks, random numbers and output; everything else is closed. Many
// instances of one module need an empty name, and a reactor starts with _initialize.
func (i *instance) moduleConfig(g *guest) wazero.ModuleConfig {
	c := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithArgs(string(i.manifest.ID)).
		WithSysWalltime().WithSysNanotime().WithNanosleep(g.sleep).WithRandSource(rand.Reader).
		WithStdout(g.stdout).WithStderr(g.stderr)
	for _, v := range append(remote.Environ(i.spec.Grants), i.env...) {
		name, value, _ := strings.Cut(v, "=")
		c = c.WithEnv(name, value)
	}
	return c
}
