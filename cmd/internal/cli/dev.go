package cli

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/version"
)

// devFlags are what a user says of a plugin under development.
type devFlags struct {
	hostFlags
	runtime, config, call, input string
	debug                        bool
}

func devCommand() *cobra.Command {
	f := &devFlags{}
	c := &cobra.Command{
		Use: "dev [DIR]", Short: "Run a plugin from its folder and swap it after every change",
		Long: `Build a plugin, run it from its folder, and build and swap it after every change of its files, until
Ctrl-C. What runs goes on running if the build fails or the new one does not start.

Without --app and --host the plugin runs in an application that offers what it provides and has
no other plugins. With them the plugins installed there run as well, and the folder is laid over
them as a development override for as long as this runs.

Effect: runs the build and the plugin; writes the installation folder of --app and --host.`,
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
			d, err := f.open(c, args)
			if err != nil {
				return o, err
			}
			err = d.run(c.Context())
			if err = errors.Join(err, d.close()); err != nil {
				return o, err
			}
			return cmdline.Outcome{Result: d.result, Text: d.text}, nil
		}),
	}
	cmdline.Examples(c, "", `--call acme.dev/greeter.Greet --input '{"name":"Ada"}'`, "--app acme --debug")
	f.add(c)
	c.Flags().StringVar(&f.runtime, "runtime", "", "runtime to run it in: wasm or process (default: as an application chooses)")
	c.Flags().StringVar(&f.config, "config", "", "file with its configuration, as JSON")
	c.Flags().StringVar(&f.call, "call", "", "method to call after each start, as POINT.METHOD")
	c.Flags().StringVar(&f.input, "input", "{}", "request of --call as JSON")
	c.Flags().BoolVar(&f.debug, "debug", false, "build for a debugger, say how to attach it, and do not mind if the plugin stands still")
	return c
}

// open opens the folder and the application in which the plugin runs.
func (f *devFlags) open(c *cobra.Command, args []string) (_ *devLoop, err error) {
	d := &devLoop{c: c, f: f}
	if _, err := wireconfig.Encode(json.RawMessage(f.input), contract.CBOR); err != nil {
		return nil, usage(c, "--input: %w", err)
	}
	config, err := readConfig(c, f.config)
	if err != nil {
		return nil, err
	}
	if d.root, err = openFolder(folderOf(args)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.folder, err = author.Open(d.root); err != nil {
		return nil, err
	}
	d.result.ID, d.result.Dir = d.folder.Manifest.ID, d.folder.Dir
	if f.call != "" {
		if _, err := relay(d.folder.Manifest, f.call); err != nil {
			return nil, usage(c, "--call: %w", err)
		}
	}
	drivers, err := f.drivers(c, d.folder.Manifest)
	if err != nil {
		return nil, err
	}
	o := plugstead.Options{
		Dir: f.dir, Store: f.store, Registry: f.registry, Watch: -1, Probe: -1,
		Log: d.logger(), Events: plugstead.Events{Supervise: supervise.Events{Changed: d.changed}},
	}
	if config != nil {
		o.Config = map[manifest.ID]json.RawMessage{d.result.ID: config}
	}
	if f.debug {
		o.Keep.Heartbeat = -1 // who stands at a breakpoint answers nobody
	}
	facts, err := f.devFacts(d, &o)
	if err != nil {
		return nil, err
	}
	if len(drivers) == 1 {
		facts.Runtimes = []string{drivers[0].Runtime()}
	}
	d.host, err = plugstead.OpenFor(c.Context(), drivers, facts, o)
	return d, err
}

// drivers returns the driver of --runtime; with --debug that of processes if there is a choice.
func (f *devFlags) drivers(c *cobra.Command, m *manifest.Manifest) ([]load.Driver, error) {
	if f.runtime == "" && f.debug && slices.Contains(m.Runtimes.Names(), manifest.RuntimeProcess) {
		f.runtime = manifest.RuntimeProcess
	}
	all := []load.Driver{wasm.Driver{}, process.Driver{}, command.Driver{}, files.Driver{}}
	if f.runtime == "" {
		return all, nil
	}
	if !slices.Contains(m.Runtimes.Names(), f.runtime) {
		return nil, usage(c, "--runtime %s: plugin.yaml has no such runtime", f.runtime)
	}
	return slices.DeleteFunc(all, func(d load.Driver) bool { return d.Runtime() != f.runtime }), nil
}

// devFacts are those of the application that --app or --host names, or of one that takes the
// plugin as it is and ends with this command.
func (f *devFlags) devFacts(d *devLoop, o *plugstead.Options) (resolve.Host, error) {
	if f.dir != "" && f.store != "" {
		return resolve.Host{}, usage(d.c, "--dir and --store exclude each other")
	}
	if f.app != "" || f.host != "" {
		return f.facts(d.c)
	}
	if f.dir != "" || f.store != "" || len(f.points) > 0 {
		return resolve.Host{}, usage(d.c, "--dir, --store and --point are for --app and --host")
	}
	var err error
	if d.temp, err = os.MkdirTemp("", "plugstead-dev-"); err != nil {
		return resolve.Host{}, err
	}
	o.Dir, o.CI = d.temp, func() bool { return false } // nobody else gets this set
	return hostOf(d.folder.Manifest), nil
}

// hostOf makes up an application that takes the plugin: one of those that it is for, in the
// oldest version that it is for.
func hostOf(m *manifest.Manifest) resolve.Host {
	h := resolve.Host{
		App: "dev", Version: version.MustParse("1.0.0"), Points: m.Provides, Platform: manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH},
		Runtimes: manifest.PackageRuntimes(),
	}
	for app, r := range m.Host {
		if v, ok := r.Lowest(version.Version{}); ok && (h.App == "dev" || app < h.App) {
			h.App, h.Version = app, v
		}
	}
	return h
}
