package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/plugstead/plugstead"

	"folio.example.org/points"
	"folio.example.org/site"
)

// callers is an application with loops that call a plugin all the time.
type callers struct {
	host   *plugstead.Host
	cancel context.CancelFunc
	loops  sync.WaitGroup
	calls  atomic.Int64
	lost   atomic.Int64
	first  atomic.Pointer[error]
}

const loops = 4

func (d *demo) startCalls(ctx context.Context) (string, error) {
	for k, v := range map[string]string{site.EnvPlugins: d.path("plugins"), plugstead.EnvRegistry: d.registry.url, plugstead.EnvCache: d.path("cache")} {
		if err := os.Setenv(k, v); err != nil {
			return "", err
		}
	}
	h, err := site.Open(ctx)
	if err != nil {
		return "", err
	}
	if err := h.Start(ctx); err != nil {
		return "", err
	}
	d.load = &callers{host: h}
	ctx, d.load.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p := h.Plugin("folio/markdown")
	for range loops {
		d.load.loops.Go(func() { d.load.loop(ctx, p) })
	}
	return fmt.Sprintf("folio/markdown %s", p.Manifest().Version), nil
}

// loop renders until the end. Every answer must be that of one of the versions.
func (c *callers) loop(ctx context.Context, p *plugstead.Plugin) {
	doc := points.Document{Path: "x.md", Source: []byte("# One\n\n~~two~~\n")}
	for ctx.Err() == nil {
		f, err := points.Render.Call(context.WithoutCancel(ctx), p, doc)
		if err == nil {
			switch string(f.HTML) {
			case "<h1 id=\"one\">One</h1>\n<p>~~two~~</p>\n", "<h1 id=\"one\">One</h1>\n<p><del>two</del></p>\n":
			default:
				err = fmt.Errorf("answer %q", f.HTML)
			}
		}
		c.calls.Add(1)
		if err != nil {
			c.lost.Add(1)
			c.first.CompareAndSwap(nil, &err)
		}
	}
}

func (c *callers) firstError() error {
	if p := c.first.Load(); p != nil {
		return *p
	}
	return nil
}

func (c *callers) stop() (calls, lost int64) {
	c.cancel()
	c.loops.Wait()
	return c.calls.Load(), c.lost.Load()
}

func (c *callers) close() error { return c.host.Close() }

// progress makes sure that calls go on around a change.
func (d *demo) progress() error {
	before := d.load.calls.Load()
	for d.load.calls.Load() < before+2*loops {
		if err := d.load.firstError(); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) change(ctx context.Context, do func() error, want string) (string, error) {
	if err := d.progress(); err != nil {
		return "", err
	}
	before := d.load.calls.Load()
	if err := do(); err != nil {
		return "", err
	}
	during := d.load.calls.Load() - before
	if err := d.progress(); err != nil {
		return "", err
	}
	if v := d.load.host.Plugin("folio/markdown").Manifest().Version.String(); v != want {
		return "", fmt.Errorf("version %s runs, want %s", v, want)
	}
	_, err := d.expectInstalled(ctx, nil, "folio/markdown "+want+" process", "folio/toc 1.0.0 wasm")
	return fmt.Sprintf("folio/markdown %s, %d calls meanwhile", want, during), err
}

func (d *demo) update(ctx context.Context) (string, error) {
	return d.change(ctx, func() error { return d.load.host.Update(ctx) }, "1.1.0")
}

func (d *demo) rollBack(ctx context.Context) (string, error) {
	return d.change(ctx, func() error {
		_, err := d.load.host.Rollback(ctx, 0)
		return err
	}, "1.0.0")
}
