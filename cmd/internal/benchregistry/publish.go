package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/figures"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
)

// Numbers of publications and searches.
const (
	publishers = 8
	perRound   = 64
	searches   = 400
)

// pack makes versions of a plugin: three blobs and two manifests each.
func pack(id string, n int) (out []*artifact.Packed, err error) {
	for i := range n {
		dir, err := os.MkdirTemp("", "plugstead-bench-plugin-")
		if err != nil {
			return nil, err
		}
		for name, text := range map[string]string{
			"plugin.yaml": fmt.Sprintf("id: %s\nversion: 1.%d.0\nsummary: A plugin of a benchmark\nprovides: { acme.dev/greeter: \"1.0\" }\nruntimes: { wasm: { module: m.wasm } }\n", id, i),
			"README.md":   fmt.Sprintf("# %s %d\n", id, i), "m.wasm": fmt.Sprintf("\x00asm %s %d", id, i),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				return nil, err
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		p, err := publish.Pack(root, publish.Options{})
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// authors returns the clients of n publishers. Each keeps its connections.
func authors(s *process, n int) (out []*client.Client, err error) {
	for range n {
		c, err := client.New(s.url, client.Options{Token: s.token})
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func push(ctx context.Context, c *client.Client, p *artifact.Packed) error {
	return publish.Push(ctx, c.Target(p.Manifest.ID), p, publish.Options{})
}

var packs atomic.Int64

// publishes returns how many publications a second 8 authors get done, each of his own
// plugins: the best round but one of ten.
func (b *bench) publishes(ctx context.Context, s *process) (float64, error) {
	var list []time.Duration
	who, err := authors(s, publishers)
	if err != nil {
		return 0, err
	}
	for range b.rounds {
		var packed []*artifact.Packed
		for range perRound {
			p, err := pack(fmt.Sprintf("bench/p%d", packs.Add(1)), 1)
			if err != nil {
				return 0, err
			}
			packed = append(packed, p...)
		}
		d, err := times(perRound, publishers, func(i int) error { return push(ctx, who[i%publishers], packed[i]) })
		if err != nil {
			return 0, err
		}
		list = append(list, d)
		closeAll(packed)
	}
	rate := perRound / figures.P10(list).Seconds()
	fmt.Printf("\n%d publishers: %.0f publications a second (p10 of rounds), %.0f (p50)\n", publishers, rate, perRound/figures.Median(list).Seconds())
	return rate, nil
}

func closeAll(list []*artifact.Packed) {
	for _, p := range list {
		p.Close()
	}
}

// growth compares the cost of one publication after another in a large and a small registry.
func (b *bench) growth(ctx context.Context, large, small *process) error {
	var a, c []time.Duration
	who := map[*process]*client.Client{}
	for _, s := range []*process{large, small} {
		one, err := authors(s, 1)
		if err != nil {
			return err
		}
		who[s] = one[0]
	}
	for range b.rounds * 5 {
		packed, err := pack(fmt.Sprintf("bench/g%d", packs.Add(1)), 1)
		if err != nil {
			return err
		}
		for s, to := range map[*process]*[]time.Duration{large: &a, small: &c} {
			begin := time.Now()
			if err := push(ctx, who[s], packed[0]); err != nil {
				return err
			}
			*to = append(*to, time.Since(begin))
		}
		closeAll(packed)
	}
	fmt.Printf("\none publication: %v with %d releases, %v with 1000 (p50)\n", figures.Median(a), b.plugins*releases, figures.Median(c))
	b.target("publication-in-large/in-small", float64(figures.Median(a))/float64(figures.Median(c)), 2)
	return nil
}

// searches returns p50 and p99 of searches over HTTP, in milliseconds.
func (b *bench) searches(_ context.Context, s *process) (p50, p99 float64, err error) {
	r := rand.New(rand.NewPCG(5, 6))
	kinds := []struct {
		name string
		text func() string
	}{
		{"one word", func() string { return word(r) }},
		{"two words", func() string { return phrase(r, 2) }},
		{"three letters", func() string { w := word(r); return w[:min(3, len(w))] }},
		{"an exact id", func() string { return "bench/bytes" }},
		{"a typing mistake", func() string { w := []byte(word(r)); w[0], w[1] = w[1], w[0]; return string(w) }},
	}
	fmt.Println()
	for _, k := range kinds {
		var list []time.Duration
		for range searches {
			q := "/api/v1/search?q=" + url.QueryEscape(k.text())
			begin := time.Now()
			if err := get(s.url + q); err != nil {
				return 0, 0, err
			}
			list = append(list, time.Since(begin))
		}
		m, w := figures.Median(list), figures.P99(list)
		fmt.Printf("search, %-18s p50 %10v  p99 %10v\n", k.name, m, w)
		p50, p99 = max(p50, m.Seconds()*1000), max(p99, w.Seconds()*1000)
	}
	return p50, p99, nil
}
