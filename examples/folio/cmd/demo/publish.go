package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// stage builds a plugin and lays out the folder its author would publish.
func (d *demo) stage(ctx context.Context, name, version string, tags string) (string, error) {
	src := filepath.Join(d.repo, "examples", "folio", "plugins", name)
	dir := d.path("stage", name+"-"+version)
	b, err := os.ReadFile(filepath.Join(src, "plugin.yaml"))
	if err != nil {
		return "", err
	}
	// The demo builds for the machine it runs on.
	text := strings.ReplaceAll(string(b), "linux/amd64", runtime.GOOS+"/"+runtime.GOARCH)
	text = strings.Replace(text, "version: 1.0.0", "version: "+version, 1)
	for _, f := range []string{"README.md", "LICENSE"} {
		if err := copyFile(filepath.Join(src, f), filepath.Join(dir, f)); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(text), 0o644); err != nil {
		return "", err
	}
	if strings.Contains(text, "process:") {
		if err := goBuild(ctx, src, filepath.Join(dir, "bin", name), nil, "-tags="+tags, "./plugin"); err != nil {
			return "", err
		}
	}
	if strings.Contains(text, "wasm:") {
		env := []string{"GOOS=wasip1", "GOARCH=wasm"}
		if err := goBuild(ctx, src, filepath.Join(dir, name+".wasm"), env, "-buildmode=c-shared", "./plugin"); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (d *demo) publish(ctx context.Context, name, version, tags string) error {
	dir, err := d.stage(ctx, name, version, tags)
	if err != nil {
		return err
	}
	out, err := d.command(ctx, "plugstead", "publish", dir)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("published folio/%s %s", name, version); !strings.Contains(out, want) {
		return fmt.Errorf("publish said %q, want %q", out, want)
	}
	return nil
}

func (d *demo) publishAll(ctx context.Context) (string, error) {
	for _, name := range []string{"markdown", "toc", "wordcount"} {
		if err := d.publish(ctx, name, "1.0.0", ""); err != nil {
			return "", err
		}
	}
	return "markdown (process), toc (wasm), wordcount (both)", nil
}

func (d *demo) publishNext(ctx context.Context) (string, error) {
	return "folio/markdown 1.1.0", d.publish(ctx, "markdown", "1.1.0", "gfm")
}

func (d *demo) search(ctx context.Context) (string, error) {
	out, err := d.command(ctx, "folio", "plugin", "search", "contents", "--json")
	if err != nil {
		return "", err
	}
	var x struct {
		Result []struct{ ID, Version string }
	}
	if err := jsonOf(out, &x); err != nil {
		return "", err
	}
	if len(x.Result) != 1 || x.Result[0].ID != "folio/toc" {
		return "", fmt.Errorf("found %v, want folio/toc", x.Result)
	}
	return x.Result[0].ID + " " + x.Result[0].Version, nil
}

func (d *demo) install(ctx context.Context) (string, error) {
	if _, err := d.command(ctx, "folio", "plugin", "install", "folio/toc"); err != nil {
		return "", err
	}
	return d.expectInstalled(ctx, nil, "folio/markdown 1.0.0 process", "folio/toc 1.0.0 wasm")
}

// expectInstalled compares the list of installed plugins.
func (d *demo) expectInstalled(ctx context.Context, env []string, want ...string) (string, error) {
	out, err := d.commandEnv(ctx, env, "folio", "plugin", "list", "--json")
	if err != nil {
		return "", err
	}
	var x struct {
		Result struct {
			Plugins []struct{ ID, Version, Runtime string }
		}
	}
	if err := jsonOf(out, &x); err != nil {
		return "", err
	}
	var got []string
	for _, p := range x.Result.Plugins {
		got = append(got, p.ID+" "+p.Version+" "+p.Runtime)
	}
	if g, w := strings.Join(got, ", "), strings.Join(want, ", "); g != w {
		return "", fmt.Errorf("installed: %s, want %s", g, w)
	}
	return strings.Join(got, ", "), nil
}
