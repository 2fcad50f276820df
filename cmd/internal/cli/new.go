package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
)

// newFlags are what a user says of a new plugin.
type newFlags struct {
	id, template, point, module string
	platforms, replace          []string
	yes                         bool
}

// created is the JSON result of new.
type created struct {
	ID       manifest.ID `json:"id"`
	Dir      string      `json:"dir"`
	Template string      `json:"template"`
	Files    []string    `json:"files"`
	Next     []string    `json:"next"` // commands
}

func newCommand() *cobra.Command {
	f := &newFlags{}
	c := &cobra.Command{
		Use: "new [DIR]", Short: "Make the folder of a new plugin",
		Long: `Make the folder of a new plugin, which builds, passes its tests and can be published as it
stands. At most three questions are asked: for what no flag says; with --yes none.

The templates are wasm and process, in Go, node, in JavaScript, command, a shell script that runs
once for each call, and files, which an application reads. Without --point the plugin brings a
small extension point of its own; with it, it implements every required method of the points in
that Go package.

Effect: writes DIR, and runs the go command there for wasm and process.`,
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			b, err := f.blueprint(c, args)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			files, err := b.write(c.Context())
			if err != nil {
				return cmdline.Outcome{}, err
			}
			r := created{ID: b.ID, Dir: b.Dir, Template: b.Template, Files: files, Next: []string{"cd " + b.Dir, "plugstead test", "plugstead dev"}}
			return cmdline.Outcome{Changed: true, Result: r, Text: func(w io.Writer) {
				fmt.Fprintf(w, "made %s in %s: %d files\nnext:\n", r.ID, r.Dir, len(r.Files))
				for _, n := range r.Next {
					fmt.Fprintf(w, "  %s\n", n)
				}
			}}, nil
		}),
	}
	cmdline.Examples(c, "--yes hello", "hello --id acme/hello --template process --point acme.dev/greeter")
	c.Flags().StringVar(&f.id, "id", "", "name of the plugin as NAMESPACE/NAME")
	c.Flags().StringVar(&f.template, "template", "", "what it is made of: wasm, process, node, command or files")
	c.Flags().StringVar(&f.point, "point", "", "import path of the Go package with the extension point")
	c.Flags().StringVar(&f.module, "module", "", "module path of a plugin in Go (default example.org/NAMESPACE/NAME)")
	c.Flags().StringArrayVar(&f.platforms, "platform", nil, "platform of a process as OS/ARCH; may be repeated (default: this one; for node all but Windows)")
	c.Flags().StringArrayVar(&f.replace, "replace", nil, "take a Go module from a folder, MODULE=DIR; DIR alone is that of this library")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "ask nothing, take defaults")
	return c
}

// importPath is what an import path looks like; the go command checks more. A point may be
// named behind it.
var importPath = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~/-]*(#[A-Za-z0-9_]+)?$`)

// blueprint asks what the flags do not say.
func (f *newFlags) blueprint(c *cobra.Command, args []string) (*blueprint, error) {
	q := &questions{c: c, yes: f.yes}
	name := "hello"
	if len(args) > 0 {
		abs, err := filepath.Abs(args[0])
		if err != nil {
			return nil, err
		}
		name = strings.ToLower(filepath.Base(abs))
	}
	id, err := manifest.ParseID(q.ask(f.id, "name of the plugin, NAMESPACE/NAME", "example/"+name))
	if err != nil {
		return nil, firstOf(q.err, usage(c, "--id: %w", err))
	}
	b := &blueprint{ID: id, Name: id.Name(), Dir: id.Name(), Summary: "Says hello", Module: f.module}
	if len(args) > 0 {
		b.Dir = args[0]
	}
	if b.Module == "" {
		b.Module = "example.org/" + string(id)
	}
	b.Template = q.ask(f.template, "wasm, process (both in Go), node, command or files", "wasm")
	if !slices.Contains([]string{"wasm", "process", "node", "command", "files"}, b.Template) {
		return nil, firstOf(q.err, usage(c, "--template %q: want wasm, process, node, command or files", b.Template))
	}
	if b.Template == "files" {
		b.Summary = "A page to be filled in"
	}
	if !b.isGo() {
		if f.point != "" || f.module != "" || len(f.replace) > 0 {
			return nil, usage(c, "--point, --module and --replace are for plugins in Go")
		}
	} else {
		b.Import = q.ask(f.point, "Go package of the extension point, or nothing for one of its own", "")
	}
	if q.err != nil {
		return nil, q.err
	}
	for _, s := range []string{b.Module, b.Import} {
		if s != "" && !importPath.MatchString(s) {
			return nil, usage(c, "%q is no import path", s)
		}
	}
	if b.Platforms, err = f.entries(c, b); err != nil {
		return nil, err
	}
	b.Replace, err = f.replacements(c)
	return b, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// platformEntry is one platform of a plugin that is a process.
type platformEntry struct{ Platform, Entry string }

// nodePlatforms are those where a file can say which program reads it.
var nodePlatforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}

// entries lists what plugin.yaml says of platforms.
func (f *newFlags) entries(c *cobra.Command, b *blueprint) ([]platformEntry, error) {
	list := f.platforms
	switch {
	case b.Template != "process" && b.Template != "node" && len(list) > 0:
		return nil, usage(c, "--platform is for processes: modules, scripts and files are for every platform")
	case len(list) > 0:
	case b.Template == "node":
		list = nodePlatforms
	default:
		list = []string{runtime.GOOS + "/" + runtime.GOARCH}
	}
	var out []platformEntry
	for _, s := range list {
		p, err := manifest.ParsePlatform(s)
		if err != nil || p == manifest.WasmPlatform {
			return nil, usage(c, "--platform %q: want OS/ARCH, for example linux/amd64", s)
		}
		e := platformEntry{s, "bin/" + b.Name + "-" + p.OS + "-" + p.Arch}
		switch {
		case b.Template == "node":
			e.Entry = "plugin.mjs"
		case p.OS == "windows":
			e.Entry += ".exe"
		}
		out = append(out, e)
	}
	return out, nil
}

// replacement is a module that is taken from a folder.
type replacement struct{ Module, Dir string }

func (f *newFlags) replacements(c *cobra.Command) (out []replacement, err error) {
	for _, s := range f.replace {
		module, dir, ok := strings.Cut(s, "=")
		if !ok {
			module, dir = author.Library, s
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			return nil, usage(c, "--replace %s: %w", s, err)
		}
		out = append(out, replacement{module, dir})
	}
	return out, nil
}
