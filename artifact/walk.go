package artifact

import (
	"context"
	"fmt"
)

// Walk visits d and everything that an OCI index or manifest leads to from there, each
// before what it names, by digest and without judging it. A descriptor that is named
// twice is visited twice. It returns the first error of reading an index or manifest,
// after it has been visited.
func Walk(ctx context.Context, b Blobs, d Descriptor, visit func(Descriptor)) error {
	return walk(ctx, b, d, visit, 0)
}

// maxNesting is how deep indexes may lie in one another.
const maxNesting = 4

func walk(ctx context.Context, b Blobs, d Descriptor, visit func(Descriptor), depth int) error {
	visit(d)
	if d.MediaType != MediaIndex && d.MediaType != MediaManifest {
		return nil
	}
	if depth == maxNesting {
		return fmt.Errorf("%s: indexes in one another, more than %d deep", d.Digest.Short(), maxNesting)
	}
	raw, err := ReadBlob(ctx, b, d, MaxManifest)
	if err != nil {
		return err
	}
	var x struct {
		Manifests []Descriptor `json:"manifests"`
		Config    *Descriptor  `json:"config"`
		Layers    []Descriptor `json:"layers"`
	}
	if err := decode(raw, &x); err != nil {
		return fmt.Errorf("%s: %w", d.Digest.Short(), err)
	}
	next := append(x.Manifests, x.Layers...)
	if x.Config != nil {
		next = append(next, *x.Config)
	}
	for _, c := range next {
		if err := walk(ctx, b, c, visit, depth+1); err != nil {
			return err
		}
	}
	return nil
}
