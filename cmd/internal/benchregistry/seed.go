package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// releases is how many each plugin has.
const releases = 10

// words are what names and summaries are made of. The first ones are frequent.
var words = func() []string {
	parts := []string{"au", "ber", "co", "da", "el", "fi", "go", "hex", "ion", "jo", "ka", "lin", "mo", "net", "or", "par", "qui", "ra", "sta", "tor", "un", "ver", "web", "xa", "yo", "zen"}
	var out []string
	for i := range 5000 {
		w := parts[i%26] + parts[i/26%26]
		if i >= 676 {
			w += parts[i/676]
		}
		out = append(out, w)
	}
	return out
}()

// word picks one, small numbers more often.
func word(r *rand.Rand) string {
	return words[int(float64(len(words))*r.Float64()*r.Float64()*r.Float64())]
}

func phrase(r *rand.Rand, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = word(r)
	}
	return strings.Join(list, " ")
}

// seed fills a registry that nobody serves yet.
func seed(ctx context.Context, o server.Options, plugins int) error {
	s, err := server.OpenStore(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	var chunk []*index.Plugin
	for i := range plugins {
		p, err := seedPlugin(r, i)
		if err != nil {
			return err
		}
		if chunk = append(chunk, p); len(chunk) == 500 || i == plugins-1 {
			if _, err := s.Import(ctx, "bench", chunk); err != nil {
				return err
			}
			chunk = nil
		}
	}
	return nil
}

func seedPlugin(r *rand.Rand, i int) (*index.Plugin, error) {
	id := manifest.ID(fmt.Sprintf("%s%d/%s-%s%d", word(r), i%1000, word(r), word(r), i))
	p := &index.Plugin{Header: index.Header{V: index.Version, ID: id, Summary: phrase(r, 8), License: "MIT", Keywords: []string{word(r), word(r)}}}
	for n := range releases {
		v := version.MustParse(fmt.Sprintf("1.%d.0", n))
		d := artifact.DigestOf(fmt.Appendf(nil, "%s %s", id, v))
		f := artifact.Facts{ID: id, Version: v, Provides: []manifest.PointRef{{ID: "bench.dev/" + words[i%20], Major: 1}}}
		rel, err := index.NewRelease(index.Record{Facts: f, Digest: d, Size: 1000, Packages: []index.Package{{
			Runtime: "process", Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Manifest: index.Ref{Digest: d, Size: 900}, Payload: index.Ref{Digest: d, Size: 1 << 20},
		}}})
		if err != nil {
			return nil, err
		}
		p.Releases = append(p.Releases, rel)
	}
	return p, nil
}
