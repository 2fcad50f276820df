package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// unchanged reports whether a document that was made before is still the one, without
// making it. tag is its fingerprint, or "".
func (r *reading) unchanged(ctx context.Context, tag string) (bool, error) {
	if tag == "" {
		return false, nil
	}
	if r.cache.manifest.Digest == "" {
		if !strings.HasPrefix(tag, plainPrint) {
			return false, nil
		}
		if err := r.ask(ctx, r.tags); err != nil {
			return false, err
		}
		defer clear(r.digests)
	}
	return tag == r.print(r.cache.manifest.Digest), nil
}

// ask finds out which digests tags name, with requests that bring no manifest. Those that
// are gone, or not told, are left out.
func (r *reading) ask(ctx context.Context, tags []string) error {
	return each(ctx, len(tags), func(ctx context.Context, i int) error {
		d, err := r.repo.Digest(ctx, tags[i], acceptAny)
		if err == nil && d != "" {
			r.found(tags[i], d)
		}
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		return err
	})
}

// Beginnings of fingerprints.
const (
	cachePrint = "1 c " // all releases were in the cache
	plainPrint = "1 t " // there was no cache
)

// fingerprint returns what tells whether the document that was made is still the one; ""
// for one that is of the cache in part.
func (r *reading) fingerprint() string {
	switch {
	case r.cache.manifest.Digest == "":
		return r.print("")
	case r.cached != nil && len(r.missing()) == 0:
		return r.print(r.cache.manifest.Digest)
	}
	return ""
}

// print hashes the names of all releases, with what they name or with the cache that says so.
func (r *reading) print(cache artifact.Digest) string {
	h := sha256.New()
	for _, t := range r.tags {
		fmt.Fprintf(h, "%s %s\n", t, r.digests[t])
	}
	fmt.Fprintln(h, cache)
	kind := plainPrint
	if cache != "" {
		kind = cachePrint
	}
	return kind + hex.EncodeToString(h.Sum(nil))
}
