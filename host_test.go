package plugstead_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

var (
	greeter = contract.Define("acme.dev/greeter", 1, 0)
	greet   = contract.Unary[string, string](greeter, "Greet")
)

// recorder is a driver that keeps what its instances were given.
type recorder struct {
	mu    sync.Mutex
	specs map[manifest.ID]load.Spec
	hook  func(im load.Image) error // decides about a start; may be nil
}

func (*recorder) Runtime() string                           { return manifest.RuntimeWasm }
func (*recorder) Prepare(context.Context, load.Image) error { return nil }

func (r *recorder) Start(_ context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	if r.hook != nil {
		if err := r.hook(im); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.specs == nil {
		r.specs = map[manifest.ID]load.Spec{}
	}
	r.specs[im.Manifest.ID] = s
	return &echoing{version: im.Manifest.Version.String(), done: make(chan struct{})}, nil
}

// echoing answers every call with its version.
type echoing struct {
	version string
	once    sync.Once
	done    chan struct{}
}

func (e *echoing) Invoke(_ context.Context, _ *contract.Method, _, resp any) error {
	*resp.(*string) = e.version
	return nil
}

func (*echoing) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "no streams")
}
func (*echoing) Offers(*contract.Method) bool  { return true }
func (*echoing) Health(context.Context) error  { return nil }
func (*echoing) Quiesce(context.Context) error { return nil }
func (*echoing) Stop(context.Context) error    { return nil }
func (e *echoing) Close() error                { e.once.Do(func() { close(e.done) }); return nil }
func (e *echoing) Done() <-chan struct{}       { return e.done }
func (*echoing) Err() error                    { return nil }

// hostOf opens an application with the recording driver.
func hostOf(t *testing.T, s *registrytest.Server, r *recorder, change func(*plugstead.Options)) *plugstead.Host {
	t.Helper()
	o := plugstead.Options{App: "acme", Version: "2.0.0", Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL, Points: []*contract.Point{greeter}}
	if change != nil {
		change(&o)
	}
	h, err := plugstead.OpenWith(t.Context(), []load.Driver{r}, o)
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

func publishTo(t *testing.T, s *registrytest.Server, id manifest.ID, v string, more ...string) {
	t.Helper()
	plugintest.Push(t, s.Client().Target(id), plugintest.Pack(t, string(id), v, more...))
}

func runs(h *plugstead.Host) string {
	var out []string
	for p := range h.Plugins(greeter) {
		out = append(out, fmt.Sprintf("%s %s", p.ID(), p.Manifest().Version))
	}
	return strings.Join(out, ", ")
}

// TestChangeDuringStart installs while the host starts, from another goroutine than
// Start knows of: what runs in the end is what is installed.
func TestChangeDuringStart(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	publishTo(t, s, "acme/b", "1.0.0")
	r := new(recorder)
	h := hostOf(t, s, r, nil)
	if err := h.Install(t.Context(), "acme/a"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	r.hook = func(load.Image) (err error) {
		once.Do(func() { err = h.Install(t.Context(), "acme/b") })
		return err
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := runs(h); got != "acme/a 1.0.0, acme/b 1.0.0" {
		t.Errorf("runs %s", got)
	}
}

// TestWhatAPluginGets looks at configuration, data folder, log and peers of plugins.
func TestWhatAPluginGets(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	publishTo(t, s, "acme/b", "1.0.0")
	publishTo(t, s, "acme/c", "1.0.0")
	r, log := new(recorder), new(bytes.Buffer)
	h := hostOf(t, s, r, func(o *plugstead.Options) {
		o.Config = map[manifest.ID]json.RawMessage{"acme/a": json.RawMessage(`{"word":"hi"}`)}
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	if err := h.Install(t.Context(), "acme/a", "acme/c"); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, c := r.specs["acme/a"], r.specs["acme/c"]
	if string(a.Config) != `{"word":"hi"}` || c.Config != nil {
		t.Errorf("configurations %s and %s", a.Config, c.Config)
	}
	if a.DataDir == c.DataDir || !filepath.IsAbs(a.DataDir) {
		t.Errorf("data in %s and %s", a.DataDir, c.DataDir)
	}
	for _, dir := range []string{a.DataDir, c.DataDir} {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	a.Log.Info("hello")
	if !strings.Contains(log.String(), "plugin=acme/a") {
		t.Errorf("log %s", log)
	}
	// Only what a plugin requires is a peer: acme/c must not reach acme/b.
	if peer := a.Peer("acme/b"); peer == nil {
		t.Error("a required plugin is no peer")
	} else if out, err := greet.Call(t.Context(), peer, ""); err != nil || out != "1.0.0" {
		t.Errorf("peer: %s, %v", out, err)
	}
	for _, id := range []manifest.ID{"acme/b", "acme/a", "acme/c", "acme/none", ""} {
		if c.Peer(id) != nil || id != "acme/b" && a.Peer(id) != nil {
			t.Errorf("%q is a peer of a plugin that does not require it", id)
		}
	}
	if err := h.Uninstall(t.Context(), "acme/a", "acme/c"); err != nil || runs(h) != "" {
		t.Fatal(runs(h), err)
	}
	if err := os.WriteFile(filepath.Join(a.DataDir, "notes"), []byte("mine"), 0o600); err != nil {
		t.Errorf("the data folder went with the plugin: %v", err)
	}
}

// TestVerbsOfAHost goes through install, update, rollback and uninstall of a running
// host by its own methods.
func TestVerbsOfAHost(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	publishTo(t, s, "acme/b", "1.0.0")
	var mu sync.Mutex // plugins start side by side
	var states []string
	h := hostOf(t, s, new(recorder), func(o *plugstead.Options) {
		o.Events.Supervise.Changed = func(c supervise.Change) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, fmt.Sprintf("%s %s", c.ID, c.State))
		}
	})
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	step := func(name string, err error, want string) {
		t.Helper()
		if got := runs(h); err != nil || got != want {
			t.Fatalf("%s: runs %s, want %s, %v", name, got, want, err)
		}
	}
	step("install", h.Install(t.Context(), "acme/a@^1", "acme/b"), "acme/a 1.0.0, acme/b 1.0.0")
	kept := h.Plugin("acme/a")
	publishTo(t, s, "acme/a", "1.1.0")
	publishTo(t, s, "acme/b", "1.1.0")
	list, err := h.Outdated(t.Context(), plugstead.Change{})
	if err != nil || len(list) != 2 || list[0].Wanted.String() != "1.1.0" {
		t.Errorf("%+v, %v", list, err)
	}
	step("update one", h.Update(t.Context(), "acme/a"), "acme/a 1.1.0, acme/b 1.0.0")
	if out, err := greet.Call(t.Context(), kept, ""); err != nil || out != "1.1.0" || h.Plugin("acme/a") != kept {
		t.Errorf("a plugin that was held through an update: %s, %v", out, err)
	}
	step("update all", h.Update(t.Context()), "acme/a 1.1.0, acme/b 1.1.0")
	g, err := h.Rollback(t.Context(), 1)
	step("rollback", err, "acme/a 1.0.0, acme/b 1.0.0")
	if g.Number != 4 || g.From != 1 {
		t.Errorf("%+v", g)
	}
	step("uninstall", h.Uninstall(t.Context(), "acme/b"), "acme/a 1.0.0")
	if h.Plugin("acme/b") != nil || h.Plugin("acme/none") != nil {
		t.Error("a plugin that does not run is there")
	}
	history, err := h.History()
	if err != nil || len(history) != 5 || history[0].Why != "uninstall acme/b" {
		t.Errorf("%+v, %v", history[0], err)
	}
	p, err := h.Plan(t.Context(), plugstead.Change{Uninstall: []manifest.ID{"acme/a"}})
	if err != nil || len(p.Changes()) != 1 || p.Changes()[0].Do != update.Remove {
		t.Fatalf("%+v, %v", p, err)
	}
	step("a plan changes nothing", nil, "acme/a 1.0.0")
	_, err = h.ApplyWithin(t.Context(), p, time.Minute)
	step("apply", err, "")
	if _, err := h.Apply(t.Context(), p); !errors.Is(err, update.ErrStale) {
		t.Errorf("the plan again: %v", err)
	}
	doc, err := h.Index(t.Context(), "acme/a")
	if err != nil || len(doc.Releases) != 2 {
		t.Errorf("%+v, %v", doc, err)
	}
	if n := len(states); n < 2 || !slices.Contains(states[n-2:], "acme/a stopped") || !slices.Contains(states[n-2:], "acme/b stopped") {
		t.Errorf("states %q", states)
	}
}

// TestBadNames are refused by every method before anything is asked of a source.
func TestBadNames(t *testing.T) {
	h := hostOf(t, &registrytest.Server{URL: "http://127.0.0.1:1"}, new(recorder), nil)
	for _, name := range []string{"", "acme", "Acme/x", "acme/x/y", "../x", "acme/ x", "acme/x@", "acme/x@!"} {
		errs := []error{h.Install(t.Context(), name), h.Uninstall(t.Context(), name), h.Update(t.Context(), name)}
		for i, err := range errs {
			if err == nil || strings.Contains(err.Error(), "connect") {
				t.Errorf("%q: %d: %v", name, i, err)
			}
		}
	}
	if err := h.Install(t.Context()); err != nil {
		t.Errorf("installing nothing: %v", err)
	}
	for name, err := range map[string]error{"uninstall": h.Uninstall(t.Context(), "acme/x"), "update": h.Update(t.Context(), "acme/x")} {
		if !errors.Is(err, update.ErrNotInstalled) {
			t.Errorf("%s of what is not installed: %v", name, err)
		}
	}
	if g, err := h.Installed(); err != nil || g.Number != 0 {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestFailedStart leaves nothing running, and the host is over.
func TestFailedStart(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	publishTo(t, s, "acme/b", "1.0.0")
	r := new(recorder)
	h := hostOf(t, s, r, nil)
	if err := h.Install(t.Context(), "acme/a", "acme/b"); err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("needs a display")
	r.hook = func(im load.Image) error {
		if im.Manifest.ID == "acme/b" {
			return refuse
		}
		return nil
	}
	if err := h.Start(t.Context()); !errors.Is(err, refuse) || !strings.Contains(err.Error(), "start acme/b 1.0.0") {
		t.Errorf("got %v", err)
	}
	if got := runs(h); got != "" {
		t.Errorf("runs %s", got)
	}
	if err := h.Start(t.Context()); !errors.Is(err, supervise.ErrClosed) {
		t.Errorf("a second start: %v", err)
	}
	// The installed set can still be mended.
	if err := h.Uninstall(t.Context(), "acme/b"); err != nil {
		t.Error(err)
	}
}

// TestDevInPlace runs an image that was never installed in place of one that was.
func TestDevInPlace(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0")
	h := hostOf(t, s, new(recorder), nil)
	if err := errors.Join(h.Install(t.Context(), "acme/a"), h.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.ParseYAML("plugin.yaml", []byte(plugintest.YAML("acme/a", "9.9.9-dev")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Dev(t.Context(), load.Image{Manifest: m, Runtime: manifest.RuntimeWasm, Tree: t.TempDir()})
	if err != nil || p != h.Plugin("acme/a") || runs(h) != "acme/a 9.9.9-dev" {
		t.Errorf("%v, runs %s, %v", p, runs(h), err)
	}
	if g, err := h.Installed(); err != nil || g.Records[0].Manifest.Version.String() != "1.0.0" {
		t.Errorf("the installed set changed: %v", err)
	}
}

// TestFactsFiles reads what another program may have left in host.json.
func TestFactsFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut off": `{"app":"acme"`, "twice": `{"app":"a","app":"b"}`, "case": `{"app":"a","App":"b"}`, "list": `[]`,
		"version": `{"app":"acme","version":"one"}`, "large": `{"app":"` + strings.Repeat("x", 2<<20) + `"}`, "deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "host.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if f, err := plugstead.ReadFacts(dir); err == nil || errors.Is(err, plugstead.ErrUnknownApp) || !strings.Contains(err.Error(), "host.json") || f.App != "" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "host.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := plugstead.ReadFacts(dir); err == nil || errors.Is(err, plugstead.ErrUnknownApp) {
		t.Errorf("a folder: %v", err)
	}
}

// TestFactsFollowTheApplication: a newer application says so, the same one writes
// nothing.
func TestFactsFollowTheApplication(t *testing.T) {
	s := registrytest.New(t)
	dir := filepath.Join(t.TempDir(), "plugins")
	open := func(v string) time.Time {
		hostOf(t, s, new(recorder), func(o *plugstead.Options) { o.Dir, o.Version = dir, v })
		f, err := plugstead.ReadFacts(dir)
		if err != nil || f.Version.String() != v || f.App != "acme" || len(f.Runtimes) != 1 || f.Platform.OS != runtime.GOOS || len(f.Linked) != 0 {
			t.Fatalf("%+v, %v", f, err)
		}
		st, err := os.Stat(filepath.Join(dir, "host.json"))
		if err != nil {
			t.Fatal(err)
		}
		return st.ModTime()
	}
	past := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	open("1.0.0")
	if err := os.Chtimes(filepath.Join(dir, "host.json"), past, past); err != nil {
		t.Fatal(err)
	}
	if again := open("1.0.0"); !again.Equal(past) {
		t.Error("the same facts were written again")
	}
	if later := open("1.1.0"); later.Equal(past) {
		t.Error("new facts were not written")
	}
}

// TestOpenSources tells registries from folders.
func TestOpenSources(t *testing.T) {
	dir := t.TempDir()
	if _, err := disk.Open(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := plugstead.OpenSource(""); s != nil || err != nil {
		t.Errorf("nothing: %v, %v", s, err)
	}
	for address, want := range map[string]string{
		"http://plugins.example.org": "http://plugins.example.org", "https://plugins.example.org/team/": "https://plugins.example.org/team", dir: "folder:" + filepath.ToSlash(dir),
	} {
		if s, err := plugstead.OpenSource(address); err != nil || s.Identity() != want {
			t.Errorf("%s: %v, %v", address, s, err)
		}
	}
	for _, bad := range []string{"http://", "https://", "http://user:secret@example.org", filepath.Join(dir, "none"), "relative/none"} {
		if s, err := plugstead.OpenSource(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", bad, s, err)
		}
	}
}

// TestSourcesByNamespace: a namespace has one source, and no other is asked.
func TestSourcesByNamespace(t *testing.T) {
	public, private := registrytest.New(t), registrytest.New(t)
	publishTo(t, public, "acme/a", "9.9.9") // an attacker's
	publishTo(t, public, "other/b", "1.0.0")
	publishTo(t, private, "acme/a", "1.0.0")
	h := hostOf(t, public, new(recorder), func(o *plugstead.Options) {
		o.Sources = fetch.Sources{Default: public.ClientWith(""), Namespaces: map[string]fetch.Source{"acme": private.ClientWith("")}}
	})
	if err := errors.Join(h.Install(t.Context(), "acme/a", "other/b"), h.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := runs(h); got != "acme/a 1.0.0, other/b 1.0.0" {
		t.Errorf("runs %s", got)
	}
	g, err := h.Installed()
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := g.Lock.Find("acme/a"); !ok || l.Source != private.URL {
		t.Errorf("%+v", l)
	}
	if err := h.Install(t.Context(), "acme/only-public"); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestPointsAndVersionsCount: a plugin for another application is not installed.
func TestPointsAndVersionsCount(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/newer", "1.0.0", "host: { acme: ^3 }")
	publishTo(t, s, "acme/other", "1.0.0")
	h := hostOf(t, s, new(recorder), func(o *plugstead.Options) { o.Points = []*contract.Point{contract.Define("acme.dev/other", 1, 0)} })
	for id, kind := range map[string]resolve.Kind{"acme/newer": resolve.HostRange, "acme/other": resolve.Point} {
		err := h.Install(t.Context(), id)
		if f, ok := errors.AsType[*resolve.Failure](err); !ok || f.Kind != kind && id == "acme/other" || string(f.ID) != id {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := h.Start(t.Context()); err != nil || runs(h) != "" {
		t.Errorf("%s, %v", runs(h), err)
	}
}

// TestDefaultDirs name a folder of the user, or say why there is none.
func TestDefaultDirs(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the rules there have no variable that a test could set for all
	}
	t.Setenv("HOME", "/home/ada")
	for xdg, want := range map[string]string{"": "/home/ada/.local/share/acme/plugins", "relative": "/home/ada/.local/share/acme/plugins", "/data": "/data/acme/plugins"} {
		t.Setenv("XDG_DATA_HOME", xdg)
		if dir, err := plugstead.DefaultDir("acme"); err != nil || dir != want {
			t.Errorf("%q: %s, %v", xdg, dir, err)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	if dir, err := plugstead.DefaultDir("acme"); err == nil || !strings.Contains(err.Error(), "installation folder of acme") {
		t.Errorf("%s, %v", dir, err)
	}
	if h, err := plugstead.Open(t.Context(), plugstead.Options{App: "acme", Version: "1.0.0"}); err == nil {
		h.Close()
		t.Error("opened without a folder")
	}
}

// TestGateOfAHost: what another program installed meets its gate when the application
// starts, and with its plugin comes the data of the set before.
func TestGateOfAHost(t *testing.T) {
	s := registrytest.New(t)
	publishTo(t, s, "acme/a", "1.0.0", "state: { version: 1 }")
	dir := filepath.Join(t.TempDir(), "plugins")
	log := new(bytes.Buffer)
	at := func(o *plugstead.Options) { o.Dir = dir; o.Log = slog.New(slog.NewTextHandler(log, nil)) }
	r := new(recorder)
	h := hostOf(t, s, r, at)
	if err := errors.Join(h.Install(t.Context(), "acme/a"), h.Start(t.Context()), h.Close()); err != nil {
		t.Fatal(err)
	}
	old := r.specs["acme/a"].DataDir
	if err := os.WriteFile(filepath.Join(old, "notes"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	facts, err := plugstead.ReadFacts(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := plugstead.OpenFor(t.Context(), nil, facts, plugstead.Options{Dir: dir, Registry: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	publishTo(t, s, "acme/a", "1.1.0", "state: { version: 2 }")
	if err := errors.Join(other.Update(t.Context()), other.Close()); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("no such font")
	var told []update.Returned
	r.hook = func(im load.Image) error {
		if im.Manifest.Version.String() == "1.0.0" {
			return nil
		}
		b, err := os.ReadFile(filepath.Join(im.Data, "notes"))
		if im.Data == old || err != nil || string(b) != "mine" {
			t.Errorf("the new one has %q in %s, %v", b, im.Data, err)
		}
		return errors.Join(cause, os.WriteFile(filepath.Join(im.Data, "notes"), []byte("new"), 0o600))
	}
	h = hostOf(t, s, r, func(o *plugstead.Options) {
		at(o)
		o.Events.Update.Returned = func(r update.Returned) { told = append(told, r) }
	})
	if err := h.Start(t.Context()); err != nil || runs(h) != "acme/a 1.0.0" {
		t.Fatalf("runs %s, %v", runs(h), err)
	}
	if len(told) != 1 || !errors.Is(told[0].Why, cause) || !strings.Contains(log.String(), "plugins went back to the set before") {
		t.Errorf("%+v\n%s", told, log)
	}
	if b, err := os.ReadFile(filepath.Join(old, "notes")); err != nil || string(b) != "mine" || r.specs["acme/a"].DataDir != old {
		t.Errorf("the old one has %q in %s, %v", b, r.specs["acme/a"].DataDir, err)
	}
	if err := h.Disable(t.Context(), "acme/a"); err != nil || runs(h) != "" {
		t.Errorf("disabled, runs %s, %v", runs(h), err)
	}
	if err := h.Enable(t.Context(), "acme/a"); err != nil || runs(h) != "acme/a 1.0.0" {
		t.Errorf("enabled, runs %s, %v", runs(h), err)
	}
	if err := h.Uninstall(t.Context(), "acme/a"); err != nil {
		t.Fatal(err)
	}
	if has, err := h.HasData("acme/a"); err != nil || !has {
		t.Errorf("its data: %v, %v", has, err)
	}
	if err := h.Purge(t.Context(), "acme/a"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its data is there: %v", err)
	}
	for name, do := range map[string]func(context.Context, ...string) error{"disable": h.Disable, "enable": h.Enable, "purge": h.Purge} {
		if err := do(t.Context(), "Bad"); !errors.Is(err, manifest.ErrSyntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSharedStore: two applications with one store do not see the plugins of one another.
func TestSharedStore(t *testing.T) {
	store, from := t.TempDir(), filepath.Join(t.TempDir(), "packed")
	packed, err := disk.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, packed, plugintest.Pack(t, "acme/a", "1.0.0"))
	var trees []string
	for _, app := range []string{"acme", "other"} {
		facts := plugstead.Facts{App: app, Version: version.MustParse("1.0.0"), Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}}, Runtimes: []string{manifest.RuntimeWasm}}
		h, err := plugstead.OpenFor(t.Context(), nil, facts, plugstead.Options{Store: store, Registry: from})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if g, err := h.Installed(); err != nil || len(g.Records) != 0 || h.Store() != store || h.Dir() != plugstead.StoreDir(store, app) {
			t.Errorf("%s: %v, %v, %s", app, g, err, h.Dir())
		}
		if err := h.Install(t.Context(), "acme/a"); err != nil {
			t.Fatal(err)
		}
		g, err := h.Installed()
		if err != nil || len(g.Records) != 1 {
			t.Fatalf("%s: %v, %v", app, g, err)
		}
		trees = append(trees, g.Records[0].Tree)
	}
	if trees[0] != trees[1] {
		t.Errorf("%q", trees)
	}
	facts := plugstead.Facts{App: "acme", Version: version.MustParse("1.0.0")}
	if _, err := plugstead.OpenFor(t.Context(), nil, facts, plugstead.Options{Store: store, Dir: t.TempDir()}); err == nil {
		t.Error("a folder and a store")
	}
	if _, err := plugstead.OpenFor(t.Context(), nil, plugstead.Facts{App: "../x"}, plugstead.Options{Store: store}); err == nil {
		t.Error("a name that leads out of the store")
	}
}
