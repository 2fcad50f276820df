package oci_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/ocitest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/store/disk"
)

const (
	id   = manifest.ID("acme/a")
	repo = "team/acme/a"
)

// open returns the source of a registry, with a prefix.
func open(t *testing.T, g *ocitest.Registry) *oci.Source {
	t.Helper()
	return openWith(t, g, nil)
}

func openWith(t *testing.T, g *ocitest.Registry, c client.Credentials) *oci.Source {
	t.Helper()
	s, err := oci.Open(g.Name()+"/team", client.Options{Credentials: c, Retry: fetch.Retry{Sleep: func(context.Context, time.Duration) error { return nil }}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// push publishes plugins and fails if the cache cannot be renewed.
func push(t *testing.T, s *oci.Source, list ...*artifact.Packed) {
	t.Helper()
	for _, p := range list {
		plugintest.Push(t, target(t, s, p.Manifest.ID), p)
	}
}

func target(t *testing.T, s *oci.Source, id manifest.ID) *oci.Target {
	t.Helper()
	to, err := s.Target(id, oci.TargetOptions{Stale: func(err error) { t.Errorf("renew: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// document returns the document of id and what was asked for it.
func document(t *testing.T, g *ocitest.Registry, s *oci.Source) (string, []string) {
	t.Helper()
	g.Requests()
	a, err := s.Document(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Bytes), g.Requests()
}

// folder returns the document that a folder of the same plugins has.
func folder(t *testing.T, list ...*artifact.Packed) string {
	t.Helper()
	dir := t.TempDir()
	st, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, st, list...)
	f, err := fetch.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Plugin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pack packs versions of id.
func pack(t *testing.T, versions ...string) (out []*artifact.Packed) {
	t.Helper()
	for _, v := range versions {
		out = append(out, plugintest.Pack(t, string(id), v, "license: MIT", "keywords: [ v"+v[:1]+" ]", "requires: { acme/b: ^1 }"))
	}
	return out
}

// packWith packs version 1.0.0 of id with another summary.
func packWith(t *testing.T, summary string) *artifact.Packed {
	t.Helper()
	return plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{
		"plugin.yaml": "id: acme/a\nversion: 1.0.0\nsummary: " + summary + "\nruntimes: { wasm: { module: m.wasm } }\n", "m.wasm": "other",
	}))
}

// cacheOf returns the document in the cache.
func cacheOf(t *testing.T, g *ocitest.Registry) string {
	t.Helper()
	_, raw := g.At(repo, oci.TagIndex)
	var x struct{ Layers []artifact.Descriptor }
	if err := json.Unmarshal(raw, &x); err != nil || len(x.Layers) != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	return string(g.Blob(repo, x.Layers[0].Digest))
}

// plant writes a cache.
func plant(g *ocitest.Registry, document string) {
	g.Put(repo, []byte(document))
	g.Tag(repo, oci.TagIndex, artifact.MediaManifest, cacheManifest(artifact.Describe(oci.MediaDocument, []byte(document))))
}

func cacheManifest(layers ...artifact.Descriptor) []byte {
	b, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": artifact.MediaManifest, "artifactType": oci.TypeIndex,
		"config": artifact.Describe(artifact.MediaEmpty, []byte("{}")), "layers": layers,
	})
	if err != nil {
		panic(err)
	}
	return b
}

// again is document for somebody who asks for the first time.
func again(t *testing.T, g *ocitest.Registry) (string, []string) {
	t.Helper()
	return document(t, g, open(t, g))
}
