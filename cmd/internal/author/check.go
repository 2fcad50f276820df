package author

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/publish/lint"
)

// Status is what came out of a check.
type Status string

// The results of checks.
const (
	Passed  Status = "ok"
	Failed  Status = "failed"
	Skipped Status = "skipped" // it does not apply, or cannot be made here
)

// Check is one thing that was checked.
type Check struct {
	Name    string       `json:"name"` // for example "wasm: start"
	Status  Status       `json:"status"`
	Message string       `json:"message,omitempty"` // what is wrong, or why it was skipped
	Hint    string       `json:"hint,omitempty"`
	Code    cmdline.Code `json:"code,omitempty"` // if it failed
	Seconds float64      `json:"seconds"`
}

// CheckOptions are the optional properties of [Folder.Check].
type CheckOptions struct {
	Config    json.RawMessage // that the plugin is started with; default: the first example of its schema
	Contracts []string        // folders or import paths of Go packages that define its points
	NoTests   bool            // leave the plugin's own tests out
	Done      func(Check)     // is told of each check; nil: nobody is

	stop time.Duration // that an instance may take to stop; 0: stopTime
}

// skip is an error that says why something is not checked.
type skip string

// Error implements error.
func (s skip) Error() string { return string(s) }

// suite is one run of all checks.
type suite struct {
	*Folder
	o      CheckOptions
	temp   string
	checks []Check
	wrote  wrote // by the plugin, within the check that is made
}

// Check builds the plugin for this platform, runs its own tests, packs it, and holds it to the
// contract of plugins in each runtime that it has here: started from what was packed and from
// nothing else. docs/guide/authors.md lists the checks. A check that fails is no error; an
// error says that the checks could not be made, or that ctx has ended.
func (f *Folder) Check(ctx context.Context, o CheckOptions) (_ []Check, err error) {
	s := &suite{Folder: f, o: o}
	if s.temp, err = os.MkdirTemp("", "plugstead-test-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.temp)) }()
	if s.temp, err = filepath.EvalSymlinks(s.temp); err != nil {
		return nil, err
	}
	if !s.run("build", func() error { _, err := f.Build(ctx, BuildOptions{}); return err }) {
		return s.checks, ctx.Err()
	}
	if !o.NoTests {
		s.run("own tests", func() error { return f.ownTests(ctx) })
	}
	var points []Contract
	s.run("contract", func() (err error) { points, err = s.contracts(ctx); return err })
	var p *artifact.Packed
	if s.run("pack", func() (err error) { p, err = s.pack(); return err }) {
		defer func() { err = errors.Join(err, p.Close()) }()
		s.run("lint", func() error { return s.lint(ctx, p) })
		for _, ref := range p.Packages {
			if ctx.Err() == nil {
				s.runtime(ctx, p, ref, points)
			}
		}
	}
	return s.checks, ctx.Err()
}

// run makes one check and reports whether what stands behind it can be checked.
func (s *suite) run(name string, f func() error) bool {
	begin := time.Now()
	s.wrote.reset()
	c := Check{Name: name, Status: Passed}
	err := f()
	c.Seconds = time.Since(begin).Round(time.Millisecond).Seconds()
	if why, ok := errors.AsType[skip](err); ok {
		c.Status, c.Message = Skipped, string(why)
	} else if err != nil {
		e := cmdline.Explain("plugstead", err)
		c.Status, c.Message, c.Hint, c.Code = Failed, e.What()+s.wrote.String(), e.Hint, e.Code
		if c.Code == "E0000" {
			c.Code = "E0105"
		}
		c.Hint = cmp.Or(c.Hint, "mend the plugin; docs/guide/authors.md says what is checked, and why")
	}
	s.checks = append(s.checks, c)
	if s.o.Done != nil {
		s.o.Done(c)
	}
	return c.Status == Passed
}

// ownTests runs the tests that stand in the folder.
func (f *Folder) ownTests(ctx context.Context) error {
	var words []string
	switch {
	case f.has("go.mod"):
		words = []string{"go", "test", "./..."}
	case f.hasScript("test"):
		words = []string{"npm", "test", "--silent"}
	default:
		return skip("no go.mod, and no package.json with a test script")
	}
	_, err := run(ctx, f.Dir, nil, words...)
	if e, ok := errors.AsType[*cmdline.Error](err); ok && e.Code == "E0104" {
		return cmdline.New("E0105", strings.Join(words, " "), "%s", e.What())
	}
	return err
}

// hasScript reports whether package.json has a script of that name.
func (f *Folder) hasScript(name string) bool {
	var x struct{ Scripts map[string]string }
	b, err := readSmall(filepath.Join(f.Dir, "package.json"))
	return err == nil && json.Unmarshal(b, &x) == nil && x.Scripts[name] != ""
}

// readSmall reads a regular file of at most [artifact.MaxDocument] bytes.
func readSmall(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, artifact.MaxDocument+1))
	if err == nil && len(b) > artifact.MaxDocument {
		err = fmt.Errorf("%s: more than the limit of %d bytes", path, artifact.MaxDocument)
	}
	return b, err
}

// contracts finds the definitions of the points, and compares their versions with plugin.yaml.
func (s *suite) contracts(ctx context.Context) ([]Contract, error) {
	list, err := s.Contracts(ctx, s.o.Contracts)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Manifest.Provides {
		for _, c := range list {
			if c.ID == p.ID && c.Major == p.Major && c.Minor != p.Minor {
				return list, cmdline.New("E0105", fmt.Sprintf("write into plugin.yaml: provides: { %s: \"%d.%d\" }", c.ID, c.Major, c.Minor),
					"plugin.yaml lists %s, and the plugin is built against %d.%d", p, c.Major, c.Minor)
			}
		}
	}
	if len(list) == 0 {
		return nil, skip("the methods of its points are not known here; name their Go packages with --contract")
	}
	return list, nil
}

// pack packs what can run here.
func (s *suite) pack() (*artifact.Packed, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	p, err := artifact.Pack(s.Only(s.Targets(false)), root.FS(), artifact.PackOptions{})
	if err != nil {
		return nil, cmdline.New("E0103", "mend the file named above, or take it out of plugin.yaml", "%w", err)
	}
	return p, nil
}

// lint looks for what a registry refuses.
func (s *suite) lint(ctx context.Context, p *artifact.Packed) error {
	found, err := lint.Run(ctx, p, &p.Image, lint.Options{Payloads: true})
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Severity == lint.Error {
			return cmdline.New("E0105", f.Fix, "%s: %s", f.Rule, f.Message)
		}
	}
	return nil
}
