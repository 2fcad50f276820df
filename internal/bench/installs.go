package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
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
func installs(ctx context.Context, work string, rounds int) ([]target, error) {
	reg, err := openLoopback()
	if err != nil {
		return nil, err
	}
	defer reg.Close()
	wishes, err := publishMany(ctx, work, reg.client, plugins, pluginSize)
	if err != nil {
		return nil, err
	}
	var cold, floor, again []time.Duration
	var perInstall int64
	for i := range rounds {
		before := reg.requests.Load()
		h, d, err := install(ctx, filepath.Join(work, fmt.Sprintf("install-%d", i)), reg.URL, wishes)
		if err != nil {
			return nil, err
		}
		cold, perInstall = append(cold, d), reg.requests.Load()-before
		begin := time.Now()
		if _, err := h.Installed(); err != nil {
			return nil, err
		}
		again = append(again, time.Since(begin))
		if err := h.Close(); err != nil {
			return nil, err
		}
		if d, err = plain(ctx, filepath.Join(work, fmt.Sprintf("plain-%d", i)), reg.client, wishes); err != nil {
			return nil, err
		}
		floor = append(floor, d)
	}
	fmt.Printf("install %d × %d MiB, cold    p10 %v  p50 %v  %d requests\n", plugins, pluginSize>>20, p10(cold), median(cold), perInstall)
	fmt.Printf("the same bytes, plain files  p10 %v  p50 %v\n", p10(floor), median(floor))
	fmt.Printf("ratio                        p10 %.2f\n", float64(p10(cold))/float64(p10(floor)))
	fmt.Printf("reading the installed set    p10 %v\n\n", p10(again))
	return []target{
		{"read-installed-set-milliseconds", p10(again).Seconds() * 1e3, 10},
	}, nil
}

func publishMany(ctx context.Context, work string, c *client.Client, count, size int) ([]string, error) {
	var wishes []string
	rnd := rand.NewChaCha8([32]byte{7})
	for i := range count {
		dir := filepath.Join(work, fmt.Sprintf("source-%d-%d", size, i))
		id := fmt.Sprintf("bench/p%d", i)
		wishes = append(wishes, id)
		b := make([]byte, size)
		_, _ = rnd.Read(b)
		yaml := "id: " + id + "\nversion: 1.0.0\nprovides: { bench.plugstead.dev/echo: \"1.0\" }\nruntimes: { wasm: { module: m.wasm } }\n"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "m.wasm"), b, 0o644); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(yaml), 0o644); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		_, err = publish.Folder(ctx, c.Target(manifest.ID(id)), root, publish.Options{})
		root.Close()
		if err != nil {
			return nil, err
		}
	}
	return wishes, nil
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
