package handler_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"

	"github.com/plugstead/plugstead/artifact"
)

// TestPublishWarns: a registry says what could be better, once, and takes it.
func TestPublishWarns(t *testing.T) {
	s := registrytest.New(t)
	var said []string
	c, err := client.New(s.URL, client.Options{Token: registrytest.Token, Warn: func(text string) { said = append(said, text) }})
	if err != nil {
		t.Fatal(err)
	}
	p := plugintest.Pack(t, "acme/hello", "1.0.0") // no licence, no source, no host
	if err := publish.Push(t.Context(), c.Target("acme/hello"), p, publish.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, "\n"); got != "L003 plugin.yaml has no license\nL006 plugin.yaml has no links.source\nL008 plugin.yaml has no host" {
		t.Error(got)
	}
}

// TestPublishRefuses: what breaks a rule that no publisher may break is not published,
// whoever packed it.
func TestPublishRefuses(t *testing.T) {
	s := registrytest.New(t)
	var said []string
	c, err := client.New(s.URL, client.Options{Token: registrytest.Token, Warn: func(text string) { said = append(said, text) }})
	if err != nil {
		t.Fatal(err)
	}
	dir := plugintest.Root(t, plugintest.Folder(t, map[string]string{"m.wasm": "x", "c.json": "[]"}))
	m, err := manifest.ParseYAML("plugin.yaml", []byte(plugintest.YAML("acme/hello", "1.0.0", "config: c.json")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := artifact.Pack(m, dir.FS(), artifact.PackOptions{}) // publish.Pack would refuse it
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = publish.Push(t.Context(), c.Target("acme/hello"), p, publish.Options{})
	if err == nil || !strings.Contains(err.Error(), "PLUGIN_INVALID") || !strings.Contains(err.Error(), "L001 c.json: not a JSON schema") {
		t.Error(err)
	}
	if len(said) > 0 {
		t.Errorf("a refusal with warnings: %q", said)
	}
	if _, err := c.Plugin(t.Context(), "acme/hello"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("published: %v", err)
	}
}
