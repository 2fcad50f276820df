package plugstead_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/hook"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

func TestMain(m *testing.M) {
	os.Setenv(plugstead.EnvCache, "off") // no test leaves documents with the user
	loadtest.Main(m)
}

// publishProbe publishes the test plugin and the peer it requires.
func publishProbe(t *testing.T, s *registrytest.Server, v string) {
	t.Helper()
	for _, id := range []manifest.ID{testplugin.PeerID, testplugin.ID} {
		im := loadtest.Image(t, manifest.RuntimeProcess, id)
		dir := t.TempDir()
		program, err := os.ReadFile(filepath.Join(im.Tree, "plugin.exe"))
		if err != nil {
			t.Fatal(err)
		}
		yaml := fmt.Sprintf("id: %s\nversion: %s\nprovides: { %s: \"1.%d\" }\nruntimes: { process: { platforms: { %s/%s: plugin.exe } } }\n",
			id, v, im.Manifest.Provides[0].ID, im.Manifest.Provides[0].Minor, runtime.GOOS, runtime.GOARCH)
		if id == testplugin.ID {
			yaml += fmt.Sprintf("requires: { %s: ^1 }\ncapabilities: [ \"host:%s\" ]\n", testplugin.PeerID, probe.Lookup.Point().ID())
		}
		for name, b := range map[string][]byte{"plugin.yaml": []byte(yaml), "plugin.exe": program} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if _, err := publish.Folder(t.Context(), s.Client().Target(id), root, publish.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

func options(t *testing.T, s *registrytest.Server) plugstead.Options {
	t.Helper()
	return plugstead.Options{
		App: "acme", Version: "2.4.0", Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL, Points: []*contract.Point{probe.Point},
		Allow: []update.Allow{{Capability: manifest.Capability("host:" + probe.Lookup.Point().ID())}},
		Provide: []contract.Handler{probe.Lookup.Handle(func(ctx context.Context, x probe.Text) (probe.Text, error) {
			return probe.Text{Text: fmt.Sprintf("%s for %s", x.Text, load.Caller(ctx))}, nil
		})},
	}
}

func open(t *testing.T, o plugstead.Options) *plugstead.Host {
	t.Helper()
	h, err := plugstead.OpenWith(t.Context(), []load.Driver{process.Driver{}}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestServicesNeedAGrant: a plugin that did not ask for a service of the application does
// not get it, and is told how to ask; one that asks is not installed before somebody says
// yes.
func TestServicesNeedAGrant(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	o := options(t, s)
	o.Allow = nil
	h := open(t, o)
	err := h.Install(t.Context(), string(testplugin.ID))
	if e, ok := errors.AsType[*update.ConsentError](err); !ok || len(e.Asks) != 1 || e.Asks[0].ID != testplugin.ID {
		t.Fatalf("%v", err)
	}
	im := loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := h.Dev(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := probe.Call.Call(t.Context(), p, probe.Text{Text: "x"}); !errors.Is(err, contract.Unimplemented) || !strings.Contains(err.Error(), "asks for it with the capability host:"+probe.Lookup.Point().ID()) {
		t.Errorf("%v", err)
	}
	im.Grants = []manifest.Capability{"host:" + manifest.Capability(probe.Lookup.Point().ID())}
	if p, err = h.Dev(t.Context(), im); err != nil {
		t.Fatal(err)
	}
	if out, err := probe.Call.Call(t.Context(), p, probe.Text{Text: "x"}); err != nil || out.Text == "" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestLifeOfAHost(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	h := open(t, options(t, s))
	ctx := t.Context()
	if err := h.Start(ctx); err != nil { // nothing is installed yet
		t.Fatal(err)
	}
	if err := h.Install(ctx, string(testplugin.ID)+"@^1"); err != nil {
		t.Fatal(err)
	}
	p := h.Plugin(testplugin.ID)
	if p == nil || p.Runtime() != manifest.RuntimeProcess {
		t.Fatal("an installed plugin does not run in a started host")
	}
	if out, err := probe.Call.Call(ctx, p, probe.Text{Text: "x"}); err != nil || out.Text != "x for "+string(testplugin.ID) {
		t.Fatalf("host service: %+v, %v", out, err)
	}
	if out, err := probe.Ask.Call(ctx, p, probe.Message{Text: "there", Renamed: string(testplugin.PeerID)}); err != nil || !strings.Contains(out.Text, "there") {
		t.Fatalf("peer: %+v, %v", out, err)
	}

	calls, lost := callAll(ctx, p, func() {
		publishProbe(t, s, "1.1.0")
		if err := h.Update(ctx); err != nil {
			t.Error(err)
		}
		if v := p.Manifest().Version.String(); v != "1.1.0" {
			t.Errorf("version %s runs", v)
		}
		if _, err := h.Rollback(ctx, 0); err != nil {
			t.Error(err)
		}
	})
	if v := p.Manifest().Version.String(); v != "1.0.0" || calls == 0 || lost > 0 {
		t.Fatalf("version %s runs, %d of %d calls lost", v, lost, calls)
	}
	if err := h.Uninstall(ctx, string(testplugin.ID)); err != nil {
		t.Fatal(err)
	}
	if h.Plugin(testplugin.ID) != nil || h.Plugin(testplugin.PeerID) != nil {
		t.Fatal("an uninstalled plugin runs")
	}
	if _, err := probe.Tick.Call(ctx, p, probe.Tock{}); !errors.Is(err, contract.Unavailable) {
		t.Fatal(err)
	}
}

// callAll calls p from four loops while do runs.
func callAll(ctx context.Context, p *plugstead.Plugin, do func()) (calls, lost int64) {
	var stop atomic.Bool
	var n, bad atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := probe.Tick.Call(ctx, p, probe.Tock{Text: "x"}); err != nil {
					bad.Add(1)
				}
				n.Add(1)
			}
		})
	}
	do()
	stop.Store(true)
	wg.Wait()
	return n.Load(), bad.Load()
}

func TestRestartOfAHost(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	o := options(t, s)
	if err := open(t, o).Install(t.Context(), string(testplugin.ID)); err != nil {
		t.Fatal(err)
	}
	o.Registry = "http://127.0.0.1:1" // starting touches no network
	h := open(t, o)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range h.Plugins(probe.Point) {
		n++
		if _, err := probe.Tick.Call(t.Context(), p, probe.Tock{}); err != nil {
			t.Fatal(err)
		}
		if err := h.Restart(t.Context(), p.ID()); err != nil {
			t.Fatal(err)
		}
		if got := p.Stats(); got.Swaps != 1 || got.Calls != 1 || got.Failed != 0 {
			t.Errorf("%+v", got)
		}
	}
	if n != 1 {
		t.Fatalf("%d plugins implement the point", n)
	}
	hooks := hook.At(probe.Point, func() iter.Seq[*plugstead.Plugin] { return h.Plugins(probe.Point) })
	if out, err := hook.Chain(t.Context(), hooks, probe.Tick, probe.Tock{Text: "x"}, hook.Options{Timeout: time.Minute}); err != nil || out.Text == "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestBrokenUpdate publishes a version whose program ends at once: the old one keeps
// running and stays installed.
func TestBrokenUpdate(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	h := open(t, options(t, s))
	ctx := t.Context()
	if err := errors.Join(h.Install(ctx, string(testplugin.ID)), h.Start(ctx)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	yaml := fmt.Sprintf("id: %s\nversion: 1.5.0\nprovides: { %s: \"1.1\" }\nruntimes: { process: { platforms: { %s/%s: plugin.exe } } }\n",
		testplugin.ID, probe.Point.ID(), runtime.GOOS, runtime.GOARCH)
	for name, text := range map[string]string{"plugin.yaml": yaml, "plugin.exe": "#!/bin/sh\nexit 3\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := publish.Folder(ctx, s.Client().Target(testplugin.ID), root, publish.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Update(ctx); err == nil || !strings.Contains(err.Error(), "1.5.0") {
		t.Fatalf("update to a broken version: %v", err)
	}
	g, err := h.Installed()
	if err != nil {
		t.Fatal(err)
	}
	r, _ := g.Find(testplugin.ID)
	if r.Manifest.Version.String() != "1.0.0" || !strings.HasPrefix(g.Why, "held back") {
		t.Fatalf("installed %s, %s", r.Manifest.Version, g.Why)
	}
	if _, err := probe.Tick.Call(ctx, h.Plugin(testplugin.ID), probe.Tock{}); err != nil {
		t.Fatal(err)
	}
}

func TestLinkedPlugins(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	h, err := plugstead.OpenWith(t.Context(), []load.Driver{inproc.Driver{}, process.Driver{}}, options(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Install(t.Context(), string(testplugin.ID)); !errors.Is(err, resolve.ErrLinked) {
		t.Fatalf("installing a linked id: %v", err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := h.Plugin(testplugin.ID); p == nil || p.Runtime() != manifest.RuntimeInproc {
		t.Fatal("a linked plugin does not run")
	}
}

func TestFacts(t *testing.T) {
	o := options(t, registrytest.New(t))
	if _, err := plugstead.ReadFacts(o.Dir); !errors.Is(err, plugstead.ErrUnknownApp) {
		t.Fatal(err)
	}
	h := open(t, o)
	f, err := plugstead.ReadFacts(o.Dir)
	if err != nil || fmt.Sprint(f) != fmt.Sprint(h.Facts()) || f.App != "acme" || f.Points[0].ID != probe.Point.ID() {
		t.Fatalf("%+v, %v", f, err)
	}
	other, err := plugstead.OpenFor(t.Context(), nil, f, plugstead.Options{Dir: o.Dir, Registry: o.Registry})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Plan(t.Context(), plugstead.Change{Install: []resolve.Wish{{ID: "acme/none"}}}); !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestFactsVector reads the example of docs/spec/installation.md.
func TestFactsVector(t *testing.T) {
	f, err := plugstead.ReadFacts("docs/spec/testdata/installation")
	if err != nil || f.App != "acme" || f.Version.String() != "2.4.0" || f.Points[0].String() != "acme.dev/greeter@1.0" || f.Runtimes[0] != "wasm" {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := plugstead.Options{App: "acme", Version: "1.0.0", Dir: t.TempDir()}
	for name, spoil := range map[string]func(*plugstead.Options){
		"no name":      func(o *plugstead.Options) { o.App = "" },
		"path as name": func(o *plugstead.Options) { o.App = "../x" },
		"no version":   func(o *plugstead.Options) { o.Version = "" },
		"bad version":  func(o *plugstead.Options) { o.Version = "1.0" },
		"bad registry": func(o *plugstead.Options) { o.Registry = "http://" },
		"not a folder": func(o *plugstead.Options) { o.Dir = os.Args[0] },
	} {
		o := good
		spoil(&o)
		if h, err := plugstead.Open(t.Context(), o); err == nil {
			h.Close()
			t.Errorf("%s accepted", name)
		}
	}
}

func TestWithoutSource(t *testing.T) {
	t.Setenv(plugstead.EnvRegistry, "")
	h := open(t, plugstead.Options{App: "acme", Version: "1.0.0", Dir: t.TempDir()})
	if err := h.Install(t.Context(), "acme/x"); !errors.Is(err, fetch.ErrNoSource) {
		t.Fatal(err)
	}
	for _, err := range h.Search(t.Context(), index.Query{}) {
		if !errors.Is(err, fetch.ErrNoSource) {
			t.Fatal(err)
		}
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Rollback(t.Context(), 0); !errors.Is(err, install.ErrNoGeneration) {
		t.Fatal(err)
	}
	if _, err := version.Parse(h.Facts().Version.String()); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultDir(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Setenv("HOME", t.TempDir())
	}
	t.Setenv("XDG_DATA_HOME", "/data")
	dir, err := plugstead.DefaultDir("acme")
	if err != nil || runtime.GOOS == "linux" && dir != "/data/acme/plugins" {
		t.Fatal(dir, err)
	}
}
