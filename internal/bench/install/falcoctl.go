package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/internal/bench/fixture"
)

// falcoctl installs and updates all plugins in one process.
type falcoctl struct {
	program string
	srv     *fixture.Counted
}

func newFalcoctl(ctx context.Context, program, work string) (installer, error) {
	f := &falcoctl{program, openOCI()}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	for i := range plugins {
		for _, v := range []string{oldV, nextV} {
			if err := f.push(ctx, work, i, v); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *falcoctl) push(ctx context.Context, work string, i int, v string) error {
	name := fmt.Sprintf("p%02d", i)
	b, err := tarGzip(map[string][]byte{"lib" + name + ".so": fixture.Payload(i, v, payload)})
	if err != nil {
		return err
	}
	file := name + ".tar.gz"
	if err := os.WriteFile(filepath.Join(work, file), b, 0o600); err != nil {
		return err
	}
	c := f.command(work, "registry", "push", f.ref(i, v), file, "--type", "plugin", "--version", v, "--name", name, "--platform", "linux/amd64", "--plain-http")
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = work, append(os.Environ(), c.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("push: %w\n%s", err, out)
	}
	return nil
}

func (f *falcoctl) ref(i int, v string) string {
	return fmt.Sprintf("%s/bench/p%02d:%s", strings.TrimPrefix(f.srv.URL, "http://"), i, v)
}

func (f *falcoctl) Name() string { return "falcoctl" }

func (f *falcoctl) Requests() int64 { return f.srv.Requests.Load() }

func (f *falcoctl) Installed(dir string) string { return filepath.Join(dir, "plugins") }

func (f *falcoctl) Cold(dir string) ([]command, error) { return f.install(dir, oldV) }

func (f *falcoctl) Update(dir string) ([]command, error) { return f.install(dir, nextV) }

func (f *falcoctl) Again(dir string) ([]command, error) { return f.install(dir, nextV) }

func (f *falcoctl) install(dir, v string) ([]command, error) {
	args := []string{"artifact", "install"}
	for i := range plugins {
		args = append(args, f.ref(i, v))
	}
	for _, name := range []string{"plugins", "rulesfiles", "assets", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
		args = append(args, "--"+name+"-dir", filepath.Join(dir, name))
	}
	return []command{f.command(dir, append(args, "--plain-http", "--platform", "linux/amd64")...)}, nil
}

func (f *falcoctl) command(dir string, args ...string) command {
	config := filepath.Join(dir, "falcoctl.yaml")
	_ = os.WriteFile(config, []byte("indexes: []\n"), 0o600) // without it the program says what it lacks
	return command{args: append([]string{f.program, "--config", config}, args...), env: []string{"HOME=" + dir}}
}
