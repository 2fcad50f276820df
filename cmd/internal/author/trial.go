package author

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
)

// drivers of the runtimes that packages can have.
var drivers = map[string]load.Driver{
	manifest.RuntimeProcess: process.Driver{}, manifest.RuntimeWasm: wasm.Driver{},
	manifest.RuntimeCommand: command.Driver{}, manifest.RuntimeFiles: files.Driver{},
}

// stopTime is how long a plugin may take to stop.
const stopTime = 10 * time.Second

// trial is one runtime of the plugin under test.
type trial struct {
	*suite
	d      load.Driver
	im     load.Image
	spec   load.Spec
	schema schema
	in     load.Instance
}

// schema is what a trial reads of the schema of the configuration.
type schema struct {
	Additional any               `json:"additionalProperties"`
	Required   []string          `json:"required"`
	Examples   []json.RawMessage `json:"examples"`
}

// maxExamples is how many examples of a schema are tried.
const maxExamples = 20

// runtime makes the checks of one runtime.
func (s *suite) runtime(ctx context.Context, p *artifact.Packed, ref artifact.PackageRef, points []Contract) {
	t := &trial{suite: s, d: drivers[ref.Runtime]}
	check := func(name string, f func() error) bool { return s.run(ref.Runtime+": "+name, f) }
	if !check("unpack", func() error { return t.unpack(ctx, p, ref) }) || !check("start", func() error { return t.start(ctx) }) {
		return
	}
	defer func() {
		if t.in != nil {
			_ = t.in.Close() // a failed stop was reported
		}
	}()
	check("health", func() error { return t.in.Health(ctx) })
	check("methods", func() error { return t.methods(points) })
	check("start beside itself", func() error { return t.beside(ctx) })
	check("unknown key in the configuration", func() error { return t.unknownKey(ctx) })
	check("examples of the configuration", func() error { return t.examples(ctx) })
	check("stop", func() error { return t.stop(ctx, t.in) })
	check("processes left behind", func() error { return left(ctx, t.im.Tree) })
}

// unpack makes the folder that an application would have.
func (t *trial) unpack(ctx context.Context, p *artifact.Packed, ref artifact.PackageRef) error {
	pkg, err := artifact.ReadPackage(ctx, p, ref)
	if err != nil {
		return err
	}
	at := filepath.Join(t.temp, ref.Runtime)
	t.im = load.Image{
		Manifest: p.Manifest, Runtime: ref.Runtime, Tree: filepath.Join(at, "tree"),
		Cache: filepath.Join(at, "cache"), Digest: string(pkg.Payload.Digest),
	}
	t.spec = load.Spec{Log: slog.New(&t.wrote), Grants: p.Manifest.Capabilities, DataDir: filepath.Join(at, "data"), Peer: func(manifest.ID) contract.Caller { return nil }}
	for _, dir := range []string{t.im.Tree, t.im.Cache, t.spec.DataDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(t.im.Tree)
	if err != nil {
		return err
	}
	defer root.Close()
	r, err := p.Open(ctx, pkg.Payload)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err = artifact.Unpack(ctx, r, pkg.Payload.Size, root, artifact.UnpackLimits{}); err != nil {
		return err
	}
	return t.configure()
}

// configure chooses the configuration.
func (t *trial) configure() error {
	if name := t.Manifest.Config; name != "" {
		b, err := readSmall(filepath.Join(t.Dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &t.schema); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	t.spec.Config = t.o.Config
	if t.spec.Config == nil && len(t.schema.Examples) > 0 {
		t.spec.Config = t.schema.Examples[0]
	}
	return nil
}

// start starts the plugin as applications do.
func (t *trial) start(ctx context.Context) error {
	if err := t.d.Prepare(ctx, t.im); err != nil {
		return err
	}
	in, err := t.d.Start(ctx, t.im, t.spec)
	if err != nil && t.spec.Config == nil && len(t.schema.Required) > 0 {
		return cmdline.New("E0105", "plugstead test --config FILE, or examples in the schema of the configuration",
			"it did not start without a configuration, which has to have %s: %w", strings.Join(t.schema.Required, ", "), err)
	}
	t.in = in
	return err
}

// methods checks that what its points require is there.
func (t *trial) methods(points []Contract) error {
	if len(points) == 0 {
		return skip("not known")
	}
	var errs []error
	for _, c := range points {
		for _, m := range c.Methods {
			if !t.in.Offers(m) {
				errs = append(errs, fmt.Errorf("%s cannot be called", m.Path()))
			}
		}
	}
	return errors.Join(errs...)
}

// beside starts a second instance while the first one runs, as every update does.
func (t *trial) beside(ctx context.Context) error {
	if t.Manifest.State.Exclusive {
		if err := t.in.Quiesce(ctx); err != nil {
			return fmt.Errorf("it does not let go of what only one instance can hold: %w", err)
		}
	}
	if err := t.again(ctx, t.spec.Config); err != nil {
		if !t.Manifest.State.Exclusive {
			return cmdline.New("E0105", "hold nothing that only one instance can have, or write state: { exclusive: true } into plugin.yaml", "%w", err)
		}
		return err
	}
	return nil
}

// again starts and stops another instance.
func (t *trial) again(ctx context.Context, config json.RawMessage) error {
	spec := t.spec
	spec.Config = config
	in, err := t.d.Start(ctx, t.im, spec)
	if err != nil {
		return err
	}
	return t.stop(ctx, in)
}

// unknownKey checks that a key is refused if the schema says that it is.
func (t *trial) unknownKey(ctx context.Context) error {
	switch {
	case t.Manifest.Config == "":
		return skip("it has no configuration")
	case t.im.Runtime == manifest.RuntimeCommand || t.im.Runtime == manifest.RuntimeFiles:
		return skip("nothing of it runs when it starts")
	case t.schema.Additional != false:
		return skip("its schema allows other keys: additionalProperties is not false")
	}
	config := map[string]json.RawMessage{}
	if t.spec.Config != nil {
		if err := json.Unmarshal(t.spec.Config, &config); err != nil {
			return err
		}
	}
	config["plugstead-unknown-key"] = json.RawMessage("true")
	b, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if t.again(ctx, b) == nil {
		return cmdline.New("E0105", "refuse keys that are not in the schema, as an operator who mistypes one expects", "it starts with a key that its schema does not allow")
	}
	return ctx.Err()
}

// examples starts the plugin with each example of its schema.
func (t *trial) examples(ctx context.Context) error {
	if len(t.schema.Examples) == 0 {
		return skip("its schema has no examples")
	}
	for i, e := range t.schema.Examples[:min(len(t.schema.Examples), maxExamples)] {
		if err := t.again(ctx, e); err != nil {
			return fmt.Errorf("example %d: %w", i+1, err)
		}
	}
	return nil
}

// stop checks that an instance ends in good order, and ends it in any case.
func (t *trial) stop(ctx context.Context, in load.Instance) error {
	limit := cmp.Or(t.o.stop, stopTime)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := in.Stop(ctx)
	if closed := in.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("it does not stop within %v: %w", limit, err)
	}
	<-in.Done()
	if err := in.Err(); err != nil {
		return fmt.Errorf("it ended by itself: %w", err)
	}
	return nil
}
