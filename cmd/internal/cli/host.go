package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// hostFlags say for which application a command acts.
type hostFlags struct {
	app, host, dir, store, registry string
	points                          []string
}

// add adds the flags to a command, or to those of a group.
func (f *hostFlags) add(c *cobra.Command) {
	for _, sub := range c.Commands() {
		f.add(sub)
	}
	if c.HasSubCommands() {
		return
	}
	c.Flags().StringVar(&f.app, "app", "", "application that has run on this machine")
	if c.Flags().Lookup("host") == nil { // what-if has one of its own
		c.Flags().StringVar(&f.host, "host", "", "application as NAME@VERSION")
	}
	c.Flags().StringArrayVar(&f.points, "point", nil, "extension point of --host as ID@MAJOR.MINOR; may be repeated")
	c.Flags().StringVar(&f.dir, "dir", "", "installation folder (default: the one of the application)")
	c.Flags().StringVar(&f.store, "store", "", "in place of --dir: folder that applications share")
	registryFlag(c, &f.registry)
}

func registryFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "registry", "", "address of a registry, oci://HOST/PREFIX, folder of plugins, or bundle (default $"+plugstead.EnvRegistry+")")
}

// open opens the plugins of the application. It starts none of them.
func (f *hostFlags) open(c *cobra.Command) (*plugstead.Host, func() error, error) {
	return f.openWith(c, nil)
}

func (f *hostFlags) openWith(c *cobra.Command, drivers []load.Driver) (*plugstead.Host, func() error, error) {
	if f.dir != "" && f.store != "" {
		return nil, nil, usage(c, "--dir and --store exclude each other")
	}
	facts, err := f.facts(c)
	if err != nil {
		return nil, nil, err
	}
	dir, store := f.dir, f.store
	if facts.App == "" {
		// Searching needs no application; nothing is ever written there.
		dir, store = filepath.Join(os.TempDir(), "plugstead-no-application"), ""
	}
	// A set is on trial in the application itself, not where one method is called.
	h, err := plugstead.OpenFor(c.Context(), drivers, facts, plugstead.Options{Dir: dir, Store: store, Registry: f.registry, Watch: -1})
	if err != nil {
		return nil, nil, err
	}
	return h, h.Close, nil
}

func usage(c *cobra.Command, format string, args ...any) error {
	return cmdline.New("E0001", c.CommandPath()+" --help", format, args...)
}

func (f *hostFlags) facts(c *cobra.Command) (resolve.Host, error) {
	switch {
	case f.app != "" && f.host != "":
		return resolve.Host{}, usage(c, "--app and --host exclude each other")
	case f.app != "":
		return f.ofApp(c)
	case f.host != "":
		return f.ofHost(c)
	case c.Name() == "search" || c.Name() == "info":
		return resolve.Host{}, nil
	}
	return resolve.Host{}, cmdline.New("E0002", c.CommandPath()+" --app NAME, or --host NAME@VERSION --point ID@MAJOR.MINOR", "for which application?")
}

// ofApp reads what an application wrote when it ran.
func (f *hostFlags) ofApp(c *cobra.Command) (resolve.Host, error) {
	if _, err := manifest.ParseID("app/" + f.app); err != nil {
		return resolve.Host{}, usage(c, "--app %q: want the name of an application", f.app)
	}
	dir, err := f.place()
	if err != nil {
		return resolve.Host{}, err
	}
	facts, err := plugstead.ReadFacts(dir)
	if err != nil {
		return facts, cmdline.New("E0002", "run "+f.app+" once, or say what it offers: --host "+f.app+"@VERSION --point ID@MAJOR.MINOR", "%w", err)
	}
	if facts.App != f.app {
		return facts, usage(c, "--app %s: the plugins in %s are those of %q", f.app, dir, facts.App)
	}
	return facts, nil
}

// place returns the folder of --app.
func (f *hostFlags) place() (string, error) {
	switch {
	case f.dir != "":
		return f.dir, nil
	case f.store != "":
		return plugstead.StoreDir(f.store, f.app), nil
	}
	return plugstead.DefaultDir(f.app)
}

// ofHost takes the facts from the command line.
func (f *hostFlags) ofHost(c *cobra.Command) (resolve.Host, error) {
	name, v, ok := strings.Cut(f.host, "@")
	h := resolve.Host{
		App: name, Platform: manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH},
		Runtimes: manifest.PackageRuntimes(), Points: []manifest.PointRef{},
	}
	if _, err := manifest.ParseID("app/" + name); err != nil || !ok {
		return h, usage(c, "--host %q: want NAME@VERSION", f.host)
	}
	var err error
	if h.Version, err = version.Parse(v); err != nil {
		return h, usage(c, "--host: %w", err)
	}
	for _, s := range f.points {
		p, err := manifest.ParsePointRef(s)
		if err != nil {
			return h, usage(c, "--point: %w", err)
		}
		h.Points = append(h.Points, p)
	}
	if len(h.Points) == 0 {
		return h, cmdline.New("E0002", "--host "+f.host+" --point ID@MAJOR.MINOR", "which extension points does %s offer?", name)
	}
	return h, nil
}
