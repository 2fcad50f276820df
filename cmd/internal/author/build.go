package author

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
)

// BuildOptions are the optional properties of a build.
type BuildOptions struct {
	All   bool // for every platform; else only what can run here
	Debug bool // Go programs for a debugger: not optimised
}

// Step is one command of a build.
type Step struct {
	Words []string // the command and its arguments
	Env   []string // variables, as NAME=VALUE
	Makes string   // path with slashes in the folder; "" if nobody said
}

// String shows the command as it is typed.
func (s Step) String() string {
	return strings.Join(append(append([]string{}, s.Env...), s.Words...), " ")
}

// Plan says how the plugin is built: by the command in plugin.yaml; if there is none and the
// folder is a Go module, by the go command; and by nothing if all that plugin.yaml names is
// there. Otherwise it returns an error with the code E0106.
func (f *Folder) Plan(ctx context.Context, o BuildOptions) ([]Step, error) {
	list := f.Targets(o.All)
	if len(list) == 0 {
		return nil, cmdline.New("E0106", "name a program for this platform in plugin.yaml, or the runtime wasm", "%s has nothing that runs here", f.Manifest.ID)
	}
	if f.Manifest.Build != "" {
		return []Step{{Words: strings.Fields(f.Manifest.Build)}}, nil
	}
	if f.has("go.mod") {
		pkg, err := f.mainPackage(ctx)
		if err != nil {
			return nil, err
		}
		if pkg != "" {
			return goSteps(pkg, list, o.Debug), nil
		}
	}
	if t := f.missing(list); t != nil {
		return nil, cmdline.New("E0106", "add to plugin.yaml the command that makes it, for example: build: make plugin", "%s is not there, and plugin.yaml does not say how to build it", t.Entry)
	}
	return nil, nil
}

// mainPackage returns the program of a Go module: ./plugin, or the module itself. It is empty
// if neither is a program.
func (f *Folder) mainPackage(ctx context.Context) (string, error) {
	for _, pkg := range []string{"./plugin", "."} {
		list, err := filepath.Glob(filepath.Join(f.Dir, pkg, "*.go"))
		if err != nil || len(list) == 0 {
			continue
		}
		name, err := Go(ctx, f.Dir, "list", "-e", "-f", "{{.Name}}", pkg)
		if err != nil {
			return "", err
		}
		if name == "main" {
			return pkg, nil
		}
	}
	return "", nil
}

func goSteps(pkg string, list []Target, debug bool) (out []Step) {
	for _, t := range list {
		if t.Platform == manifest.AnyPlatform {
			continue // a script, or files
		}
		words := []string{"go", "build", "-trimpath", "-ldflags=-s -w"}
		if debug {
			words = []string{"go", "build", "-gcflags=all=-N -l"}
		}
		if t.Runtime == manifest.RuntimeWasm {
			words = append(words, "-buildmode=c-shared")
		}
		out = append(out, Step{
			Words: append(words, "-o", path.Clean(t.Entry), pkg), Makes: t.Entry,
			Env: []string{"GOOS=" + t.Platform.OS, "GOARCH=" + t.Platform.Arch, "CGO_ENABLED=0"},
		})
	}
	return out
}

// Build builds the plugin. It returns what it ran, and errors with the codes E0104 and
// E0106.
func (f *Folder) Build(ctx context.Context, o BuildOptions) ([]Step, error) {
	steps, err := f.Plan(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		if s.Makes != "" {
			dir := filepath.Dir(filepath.Join(f.Dir, filepath.FromSlash(s.Makes)))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, cmdline.New("E0104", "make room for "+s.Makes, "%w", err)
			}
		}
		if _, err := run(ctx, f.Dir, s.Env, s.Words...); err != nil {
			return nil, err
		}
	}
	if t := f.missing(f.Targets(o.All)); t != nil {
		return nil, cmdline.New("E0104", "make the command write what runtimes in plugin.yaml names", "the build made no %s", t.Entry)
	}
	return steps, nil
}
