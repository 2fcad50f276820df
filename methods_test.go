package plugstead_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// publishBuilt publishes acme/x, of which the build said that it implements methods.
func publishBuilt(t *testing.T, s *registrytest.Server, version string, methods ...manifest.Method) {
	t.Helper()
	dir := t.TempDir()
	yaml := fmt.Sprintf("id: acme/x\nversion: %s\nsummary: A plugin\nprovides: { plugstead.test/probe: \"1.1\" }\nruntimes: { process: { platforms: { linux/amd64: x, linux/arm64: x, darwin/arm64: x } } }\n", version)
	for name, text := range map[string]string{"plugin.yaml": yaml, "x": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	o := publish.Options{Describe: func(*manifest.Manifest) (*manifest.Built, error) { return &manifest.Built{Methods: methods}, nil }}
	if _, err := publish.Folder(t.Context(), s.Client().Target("acme/x"), root, o); err != nil {
		t.Fatal(err)
	}
}

// TestMethodsAreChecked before anything is installed, also by a program that only knows of the
// application what that has written down.
func TestMethodsAreChecked(t *testing.T) {
	s := registrytest.New(t)
	echo := manifest.Method{Path: probe.Echo.Path(), Minor: 1, Fingerprint: fmt.Sprintf("%016x", probe.Echo.Fingerprint())}
	publishBuilt(t, s, "1.0.0", echo)
	o := options(t, s)
	h := open(t, o)
	err := h.Install(t.Context(), "acme/x")
	e, ok := errors.AsType[*manifest.MethodsError](err)
	if !ok || !strings.Contains(err.Error(), probe.Tick.Path()+" is missing") || strings.Contains(err.Error(), probe.Absent.Path()) {
		t.Fatalf("%v", err)
	}
	if len(e.Why) < 5 {
		t.Errorf("%q", e.Why)
	}
	facts, err := plugstead.ReadFacts(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := plugstead.OpenFor(t.Context(), nil, facts, o)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Install(t.Context(), "acme/x"); !errors.Is(err, manifest.ErrMethods) {
		t.Errorf("by another program: %v", err)
	}
	if g, err := h.Installed(); err != nil || g.Number != 0 {
		t.Errorf("%+v, %v", g, err)
	}
	var all []manifest.Method
	for _, m := range probe.Point.Methods() {
		if !m.Optional {
			all = append(all, manifest.Method{Path: m.Path(), Minor: 1, Kind: int(m.Kind()), Fingerprint: fmt.Sprintf("%016x", m.Fingerprint())})
		}
	}
	slices.SortFunc(all, func(a, b manifest.Method) int { return strings.Compare(a.Path, b.Path) })
	wrong := slices.Clone(all)
	wrong[0].Fingerprint = "0000000000000001"
	publishBuilt(t, s, "1.1.0", wrong...)
	if err := other.Install(t.Context(), "acme/x"); !errors.Is(err, manifest.ErrMethods) || !strings.Contains(err.Error(), wrong[0].Path+" has other types") {
		t.Errorf("other types: %v", err)
	}
	publishBuilt(t, s, "1.2.0", all...)
	if err := other.Install(t.Context(), "acme/x"); err != nil {
		t.Errorf("a plugin that fits: %v", err)
	}
	// The application changes what it requires: the plugin stays installed, and does not start.
	changed := contract.Define(probe.Point.ID(), probe.Point.Major(), probe.Point.Minor())
	contract.Unary[probe.Text, probe.Text](changed, "Brand")
	o.Points = []*contract.Point{changed}
	o.Dir = other.Dir()
	later := open(t, o)
	aside, err := later.Aside()
	if err != nil || len(aside) != 1 || !errors.Is(aside[0].Why, manifest.ErrMethods) || !strings.Contains(aside[0].Why.Error(), "/Brand is missing") {
		t.Errorf("%v, %v", aside, err)
	}
	if err := later.Start(t.Context()); err != nil {
		t.Errorf("an application with a plugin that it cannot use: %v", err)
	}
}
