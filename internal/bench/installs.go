package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/bench/fixture"
	"github.com/plugstead/plugstead/internal/figures"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

const (
	plugins    = 20
	pluginSize = 4 << 20
)

// installs measures a cold install of 20 plugins of 4 MiB over HTTP on loopback beside
// the floor: downloading the same bytes and syncing them to files, one after the other.
func installs(ctx context.Context, work string, rounds int) ([]figures.Target, error) {
	reg, err := fixture.OpenRegistry()
	if err != nil {
		return nil, err
	}
	defer reg.Close()
	wishes, err := reg.Publish(ctx, work, plugins, pluginSize, "1.0.0")
	if err != nil {
		return nil, err
	}
	var cold, floor, again []time.Duration
	var perInstall int64
	for i := range rounds {
		before := reg.Requests.Load()
		h, d, err := install(ctx, filepath.Join(work, fmt.Sprintf("install-%d", i)), reg.URL, wishes)
		if err != nil {
			return nil, err
		}
		cold, perInstall = append(cold, d), reg.Requests.Load()-before
		begin := time.Now()
		if _, err := h.Installed(); err != nil {
			return nil, err
		}
		again = append(again, time.Since(begin))
		if err := h.Close(); err != nil {
			return nil, err
		}
		if d, err = plain(ctx, filepath.Join(work, fmt.Sprintf("plain-%d", i)), reg.Client, wishes); err != nil {
			return nil, err
		}
		floor = append(floor, d)
	}
	fmt.Printf("install %d × %d MiB, cold    p10 %v  p50 %v  %d requests\n", plugins, pluginSize>>20, figures.P10(cold), figures.Median(cold), perInstall)
	fmt.Printf("the same bytes, plain files  p10 %v  p50 %v\n", figures.P10(floor), figures.Median(floor))
	fmt.Printf("ratio                        p10 %.2f\n", float64(figures.P10(cold))/float64(figures.P10(floor)))
	fmt.Printf("reading the installed set    p10 %v\n\n", figures.P10(again))
	return []figures.Target{
		{Name: "read-installed-set-milliseconds", Value: figures.P10(again).Seconds() * 1e3, Bound: 10},
	}, nil
}

func install(ctx context.Context, dir, url string, wishes []string) (*plugstead.Host, time.Duration, error) {
	facts := resolve.Host{
		App: "bench", Version: version.MustParse("1.0.0"), Runtimes: []string{manifest.RuntimeWasm},
		Points: []manifest.PointRef{{ID: "bench.plugstead.dev/echo", Major: 1}},
	}
	begin := time.Now()
	h, err := plugstead.OpenFor(ctx, nil, facts, plugstead.Options{Dir: dir, Registry: url, Cache: filepath.Join(dir, "cache")})
	if err != nil {
		return nil, 0, err
	}
	err = h.Install(ctx, wishes...)
	return h, time.Since(begin), err
}

// plain downloads every payload and syncs it to a file.
func plain(ctx context.Context, dir string, c *client.Client, wishes []string) (time.Duration, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	begin := time.Now()
	for i, id := range wishes {
		doc, err := c.Plugin(ctx, manifest.ID(id))
		if err != nil {
			return 0, err
		}
		if err := download(ctx, c, manifest.ID(id), doc.Releases[0].Packages[0].Payload, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}

func download(ctx context.Context, c *client.Client, id manifest.ID, ref index.Ref, to string) error {
	r, err := c.Blobs(id).Open(ctx, artifact.Descriptor{MediaType: artifact.MediaTarGzip, Digest: ref.Digest, Size: ref.Size})
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
