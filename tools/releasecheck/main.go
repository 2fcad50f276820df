// Command releasecheck proves that the modules of this tree can be used from outside.
//
// It builds a module proxy in a folder from the working tree, with every replace
// directive stripped, installs the program from it with "go install …@version", makes and
// checks a new plugin with it, and builds the examples against it, as a stranger's machine
// would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	library = "github.com/plugstead/plugstead"
	version = "v0.0.1-check"
)

// modules of the tree by folder. Those that are only built are not in the proxy.
var (
	published = []string{".", "cmd", "examples/folio", "examples/folio/plugins/wordcount"}
	built     = []string{
		"examples/hello", "examples/folio", "examples/folio/linked",
		"examples/folio/plugins/markdown", "examples/folio/plugins/toc", "examples/folio/plugins/wordcount",
	}
)

func main() {
	repo := flag.String("repo", "..", "checkout of the project")
	flag.Parse()
	if err := run(*repo); err != nil {
		fmt.Fprintln(os.Stderr, "release-check failed:", err)
		os.Exit(1)
	}
	fmt.Println("release-check: ok")
}

func run(repo string) (err error) {
	if repo, err = filepath.Abs(repo); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "plugstead-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()
	c := checker{repo: repo, work: work}
	for _, dir := range published {
		if err := c.publish(dir); err != nil {
			return fmt.Errorf("module %s: %w", dir, err)
		}
	}
	if err := c.installs(); err != nil {
		return err
	}
	if err := c.creates(); err != nil {
		return err
	}
	for _, dir := range built {
		if err := c.builds(dir); err != nil {
			return fmt.Errorf("module %s: %w", dir, err)
		}
		fmt.Println("builds without replace:", dir)
	}
	return nil
}

type checker struct{ repo, work string }

// stripped reads the go.mod of a folder and turns its replaces into versions.
func (c *checker) stripped(dir string) (*modfile.File, error) {
	name := filepath.Join(c.repo, dir, "go.mod")
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(name, b, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range f.Replace {
		old := r.Old // dropping clears it
		if err := f.DropReplace(old.Path, old.Version); err != nil {
			return nil, err
		}
		if err := f.AddRequire(old.Path, version); err != nil {
			return nil, err
		}
	}
	f.Cleanup()
	return f, nil
}

// copyTree copies the module of a folder, without modules below it, to a folder of its
// own with the stripped go.mod.
func (c *checker) copyTree(dir string) (string, *modfile.File, error) {
	f, err := c.stripped(dir)
	if err != nil {
		return "", nil, err
	}
	to, err := os.MkdirTemp(c.work, "module-")
	if err != nil {
		return "", nil, err
	}
	src := filepath.Join(c.repo, dir)
	err = filepath.WalkDir(src, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		if e.IsDir() {
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if rel != "." && (nested == nil || e.Name() == ".git" || e.Name() == "bin") {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		return "", nil, err
	}
	b, err := f.Format()
	if err != nil {
		return "", nil, err
	}
	return to, f, os.WriteFile(filepath.Join(to, "go.mod"), b, 0o644)
}

// publish adds a module to the proxy.
func (c *checker) publish(dir string) error {
	src, f, err := c.copyTree(dir)
	if err != nil {
		return err
	}
	m := module.Version{Path: f.Module.Mod.Path, Version: version}
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	at := filepath.Join(c.work, "proxy", filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	gomod, err := f.Format()
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{"list": []byte(version + "\n"), version + ".mod": gomod, version + ".info": []byte(`{"Version":"` + version + `"}`)} {
		if err := os.WriteFile(filepath.Join(at, name), b, 0o644); err != nil {
			return err
		}
	}
	out, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromDir(out, m, src), out.Close())
}

func (c *checker) command(dir string, args ...string) error {
	return c.program(dir, "go", args...)
}

// program runs a program for which the proxy holds the modules of the tree.
func (c *checker) program(dir, name string, args ...string) error {
	outside, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GOPROXY=file://"+filepath.ToSlash(filepath.Join(c.work, "proxy"))+","+strings.TrimSpace(string(outside)),
		"GONOSUMDB="+library+",*.example.org", "GOFLAGS=-mod=mod", "GOWORK=off",
		"GOBIN="+filepath.Join(c.work, "bin"), "GOTOOLCHAIN=local",
		"GOMODCACHE="+filepath.Join(c.work, "cache"),
	)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, b)
	}
	return nil
}

// installs installs the program by its version and runs it.
func (c *checker) installs() error {
	name := library + "/cmd/plugstead@" + version
	if err := c.command(c.work, "install", name); err != nil {
		return err
	}
	out, err := exec.Command(filepath.Join(c.work, "bin", "plugstead"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), version) {
		return fmt.Errorf("the installed program says %q, %w", out, err)
	}
	fmt.Printf("go install %s: %s", name, out)
	return nil
}

// creates makes a new plugin with the installed program, and has it checked: it requires the
// library in the version that the program was built with.
func (c *checker) creates() error {
	exe := filepath.Join(c.work, "bin", "plugstead")
	if err := c.program(c.work, exe, "new", "--yes", "hello"); err != nil {
		return err
	}
	if err := c.program(c.work, exe, "test", "hello"); err != nil {
		return err
	}
	fmt.Println("plugstead new, plugstead test: a plugin that uses", library+"@"+version)
	return nil
}

func (c *checker) builds(dir string) error {
	src, _, err := c.copyTree(dir)
	if err != nil {
		return err
	}
	return c.command(src, "build", "./...")
}

// removeAll also removes the module cache, which is read-only.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}
