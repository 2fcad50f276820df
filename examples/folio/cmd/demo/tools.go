package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/plugstead/plugstead"
)

// registry is a running "plugstead serve".
type registry struct {
	cmd        *exec.Cmd
	url, token string
}

func (r *registry) pid() int { return r.cmd.Process.Pid }

func (r *registry) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
}

func (d *demo) startRegistry(context.Context) (string, error) {
	// Not bound to the context: with --keep it outlives this program.
	cmd := exec.Command(d.tool("plugstead"), "serve", "--json", "--data", d.path("registry"), "--listen", "127.0.0.1:0")
	log, err := os.Create(d.path("registry.log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	d.registry = &registry{cmd: cmd}
	var x struct {
		Result struct{ URL, Token string }
	}
	if err := json.NewDecoder(out).Decode(&x); err != nil {
		text, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("registry did not start: %w: %s", err, text)
	}
	d.registry.url, d.registry.token = x.Result.URL, x.Result.Token
	if x.Result.Token == "" {
		return "", errors.New("a new registry showed no token")
	}
	return x.Result.URL, nil
}

// command runs one of the programs and returns what it printed.
func (d *demo) command(ctx context.Context, name string, args ...string) (string, error) {
	return d.commandEnv(ctx, nil, name, args...)
}

func (d *demo) commandEnv(ctx context.Context, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.tool(name), args...)
	cmd.Env = append(os.Environ(), "PLUGSTEAD_REGISTRY="+d.registry.url, "PLUGSTEAD_TOKEN="+d.registry.token, "FOLIO_PLUGINS="+d.path("plugins"), plugstead.EnvCache+"="+d.path("cache"))
	cmd.Env = append(cmd.Env, env...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), stderr.String())
	}
	return out.String(), nil
}

// goBuild builds a package of a module.
func goBuild(ctx context.Context, dir, out string, env []string, args ...string) error {
	all := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, args...)
	cmd := exec.CommandContext(ctx, "go", all...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", dir, err, b)
	}
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// jsonOf reads exactly one JSON document.
func jsonOf(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON document")
	}
	return nil
}
