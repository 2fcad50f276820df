package plugstead_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// secretWord is the schema of the test plugin, in which its word is a secret.
const secretWord = `{"type":"object","additionalProperties":false,"properties":{
 "word":{"type":"string","writeOnly":true},"fail":{"type":"boolean"},"limit":{"type":%s}}}`

const whole = `"integer","maximum":100`

// publishConfigured publishes the test plugin as pack would, with more in its plugin.yaml and
// its schema.
func publishConfigured(t *testing.T, s *registrytest.Server, v, yaml, schema string) {
	t.Helper()
	im := loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID)
	dir := t.TempDir()
	program, err := os.ReadFile(filepath.Join(im.Tree, "plugin.exe"))
	if err != nil {
		t.Fatal(err)
	}
	yaml = fmt.Sprintf("id: %s\nversion: %s\nprovides: { %s: \"1.%d\" }\nruntimes: { process: { platforms: { %s/%s: plugin.exe } } }\nconfig: s.json\n%s",
		testplugin.ID, v, im.Manifest.Provides[0].ID, im.Manifest.Provides[0].Minor, runtime.GOOS, runtime.GOARCH, yaml)
	for name, b := range map[string][]byte{"plugin.yaml": []byte(yaml), "plugin.exe": program, "s.json": fmt.Appendf(nil, secretWord, schema)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	o := publish.Options{Describe: func(m *manifest.Manifest) (*manifest.Built, error) {
		return process.Driver{}.Describe(t.Context(), load.Image{Manifest: m.WithoutPromises(), Runtime: manifest.RuntimeProcess, Tree: dir})
	}}
	if _, err := publish.Folder(t.Context(), s.Client().Target(testplugin.ID), root, o); err != nil {
		t.Fatal(err)
	}
}

// view asks the test plugin what it sees.
func view(t *testing.T, h *plugstead.Host) probe.View {
	t.Helper()
	v, err := probe.Look.Call(t.Context(), h.Plugin(testplugin.ID), probe.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const id = string(testplugin.ID)

// configured is a started host with the test plugin.
func configured(t *testing.T, s *registrytest.Server, change func(*plugstead.Options)) (*plugstead.Host, *plugstead.Options, *lockedBuffer) {
	t.Helper()
	publishConfigured(t, s, "1.0.0", "", whole)
	o, j := options(t, s), new(lockedBuffer)
	o.Log = slog.New(slog.NewJSONHandler(j, nil))
	if change != nil {
		change(&o)
	}
	h := open(t, o)
	if err := errors.Join(h.Install(t.Context(), id), h.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	return h, &o, j
}

func set(t *testing.T, h *plugstead.Host, text string) *plugstead.Generation {
	t.Helper()
	if err := h.Configure(t.Context(), id, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	g, err := h.Installed()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestNewSecretsAreNotLogged: a plugin that takes a secret while it runs goes on with the log
// that it was started with.
func TestNewSecretsAreNotLogged(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_WORD", "hunter2-is-secret")
	h, o, log := configured(t, registrytest.New(t), nil)
	p := h.Plugin(testplugin.ID)
	g := set(t, h, `{"word":{"$secret":"env:PLUGSTEAD_TEST_WORD"},"limit":7}`)
	if v := view(t, h); v.Word != "hunter2-is-secret" || p.Stats().Swaps != 0 {
		t.Fatalf("%+v, %d swaps", v, p.Stats().Swaps)
	}
	if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Log: "it is hunter2-is-secret", Stderr: "key=hunter2-is-secret;", Stdout: []byte("hunter2-is-secret")}); err != nil {
		t.Fatal(err)
	}
	set(t, h, "") // it may still say what it knew
	if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Log: "it was hunter2-is-secret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Rollback(t.Context(), g.Number); err != nil || view(t, h).Word != "hunter2-is-secret" {
		t.Errorf("rolled back: %v", err)
	}
	if err := h.Close(); err != nil { // all of the log is written then
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "hunter2") || strings.Count(text, "*****") < 4 {
		t.Errorf("the log says %s", text)
	}
	noSecret(t, o.Dir, "hunter2")
}

// noSecret fails if a file below dir holds text.
func noSecret(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			t.Errorf("%s holds it", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestReleaseThatDoesNotTakeTheConfiguration is not installed, unless it gets another one with
// the change.
func TestReleaseThatDoesNotTakeTheConfiguration(t *testing.T) {
	s := registrytest.New(t)
	h, _, _ := configured(t, s, func(o *plugstead.Options) { o.CheckConfig = schema.Check })
	g := set(t, h, `{"limit":5}`)
	if err := h.Configure(t.Context(), id, `{"word":"plain-it"}`); !errors.Is(err, schema.ErrInvalid) || strings.Contains(err.Error(), "plain-it") {
		t.Errorf("a secret in plain: %v", err)
	}
	publishConfigured(t, s, "1.1.0", "", `"integer","minimum":6`)
	err := h.Update(t.Context())
	e, ok := errors.AsType[*update.ConfigError](err)
	if !ok || e.ID != testplugin.ID || e.Version.String() != "1.1.0" || !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("an update that does not take it: %v", err)
	}
	if now, err := h.Installed(); err != nil || now.Number != g.Number || view(t, h).Limit != 5 {
		t.Errorf("generation %d, %v", now.Number, err)
	}
	apply := func(c plugstead.Change) (*plugstead.Generation, error) {
		p, err := h.Plan(t.Context(), c)
		if err != nil {
			return nil, err
		}
		return h.Apply(t.Context(), p)
	}
	for text, want := range map[string]error{`{"limit":4}`: schema.ErrInvalid, `{`: config.ErrForm} {
		if _, err := apply(plugstead.Change{UpdateAll: true, Config: map[manifest.ID]string{testplugin.ID: text}}); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := apply(plugstead.Change{UpdateAll: true, Config: map[manifest.ID]string{"acme/none": "{}"}}); !errors.Is(err, update.ErrNotInstalled) {
		t.Error(err)
	}
	if _, err := apply(plugstead.Change{UpdateAll: true, Config: map[manifest.ID]string{testplugin.ID: `{"limit":8}`}}); err != nil {
		t.Fatal(err)
	}
	if v, m := view(t, h), h.Plugin(testplugin.ID).Manifest(); v.Limit != 8 || m.Version.String() != "1.1.0" {
		t.Errorf("%s has %+v", m.Version, v)
	}
	now, err := apply(plugstead.Change{Config: map[manifest.ID]string{testplugin.ID: ` {"limit": 8}`}})
	if err != nil || now.Number != g.Number+1 {
		t.Errorf("nothing to do made generation %d, %v", now.Number, err)
	}
	if now, err = apply(plugstead.Change{Config: map[manifest.ID]string{testplugin.ID: `{"limit":9}`}}); err != nil || now.Number != g.Number+2 || view(t, h).Limit != 9 {
		t.Errorf("generation %d, %v", now.Number, err)
	}
	if _, err := h.Rollback(t.Context(), g.Number); err != nil || view(t, h).Limit != 5 {
		t.Errorf("rolled back: %v", err)
	}
}

// TestOptionalWithoutItsSecret: an application that can do without a plugin starts without it,
// and one that cannot says why; a running one takes nothing that the plugin refuses.
func TestOptionalWithoutItsSecret(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_WORD", "four words")
	optional := true
	h, o, _ := configured(t, registrytest.New(t), func(o *plugstead.Options) { o.Optional = func(manifest.ID) bool { return optional } })
	set(t, h, `{"word":{"$secret":"env:PLUGSTEAD_TEST_WORD"}}`)
	for text, want := range map[string]string{`{"fail":true}`: "told to refuse", `{"word":{"$secret":"env:PLUGSTEAD_TEST_NONE"}}`: "the environment variable is not set"} {
		if err := h.Configure(t.Context(), id, text); err == nil || !strings.Contains(err.Error(), want) || view(t, h).Word != "four words" {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Unsetenv("PLUGSTEAD_TEST_WORD"); err != nil {
		t.Fatal(err)
	}
	h = open(t, *o)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	aside, err := h.Aside()
	if err != nil || len(aside) != 1 || !errors.Is(aside[0].Why, config.ErrSecret) || h.Plugin(testplugin.ID) != nil {
		t.Fatalf("%v, %v", aside, err)
	}
	if g := set(t, h, `{"limit":9}`); view(t, h).Limit != 9 || g.Held != nil { // it is tried again
		t.Errorf("held: %v", g.Held)
	}
	if err := errors.Join(h.Close()); err != nil {
		t.Fatal(err)
	}
	optional = false
	h = open(t, *o)
	if _, err := h.Rollback(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); !errors.Is(err, config.ErrSecret) || !strings.Contains(err.Error(), id) {
		t.Errorf("%v", err)
	}
	if g, err := h.Installed(); err != nil || g.Held != nil {
		t.Errorf("the release is held back for it: %v, %v", g.Held, err)
	}
}

// TestStartErrorsShowNoSecret, also if the plugin says it.
func TestStartErrorsShowNoSecret(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_WORD", "told to") // which the plugin says when it fails
	h, o, _ := configured(t, registrytest.New(t), nil)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	other := open(t, *o)
	set(t, other, `{"word":{"$secret":"env:PLUGSTEAD_TEST_WORD"},"fail":true}`)
	err := other.Start(t.Context())
	if err == nil || strings.Contains(err.Error(), "told to") || !strings.Contains(err.Error(), "***** fail") {
		t.Errorf("%v", err)
	}
}

// TestCrashesShowNoSecret: the last line of a plugin becomes part of errors, cut to a length.
func TestCrashesShowNoSecret(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_WORD", "hunter2-is-secret")
	ends := make(chan error, 100)
	h, _, _ := configured(t, registrytest.New(t), func(o *plugstead.Options) {
		o.Events.Supervise.Changed = func(c supervise.Change) {
			if c.State == supervise.Restarting {
				ends <- c.Err
			}
		}
	})
	set(t, h, `{"word":{"$secret":"env:PLUGSTEAD_TEST_WORD"}}`)
	p := h.Plugin(testplugin.ID)
	for _, last := range []string{"panic: hunter2-is-secret", "panic: " + strings.Repeat("x", 285) + "hunter2-is-secret"} {
		if err := p.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Stderr: last + "\n"}); err != nil {
			t.Fatal(err)
		}
		_, err := probe.Fail.Call(t.Context(), p, probe.Failure{How: "exit"})
		end := <-ends
		if text := fmt.Sprint(err, end); err == nil || strings.Contains(text, "hunt") || !strings.Contains(text, "*****") {
			t.Errorf("%s", text)
		}
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPrivateFolder: it is the plugin's alone, stays over updates, rollbacks and removals, and
// goes when somebody purges.
func TestPrivateFolder(t *testing.T) {
	s := registrytest.New(t)
	h, _, _ := configured(t, s, nil)
	dir := view(t, h).DataDir
	st, err := os.Stat(dir)
	if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", st, err)
	}
	file := filepath.Join(dir, "state")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	publishConfigured(t, s, "1.1.0", "", whole)
	for i, do := range []func() error{
		func() error { return h.Update(t.Context()) },
		func() error { return h.Configure(t.Context(), id, `{"limit":1}`) },
		func() error { _, err := h.Rollback(t.Context(), 1); return err },
		func() error { return h.Restart(t.Context(), testplugin.ID) },
	} {
		if err := do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "mine" || view(t, h).DataDir != dir {
			t.Errorf("step %d: %q, %v", i, b, err)
		}
	}
	if err := h.Purge(t.Context(), id); err == nil {
		t.Error("the data of an installed plugin is gone")
	}
	if err := h.Uninstall(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("uninstalled: %q, %v", b, err)
	}
	if err := h.Install(t.Context(), id); err != nil || view(t, h).DataDir != dir {
		t.Errorf("installed anew: %v", err)
	}
	if err := errors.Join(h.Uninstall(t.Context(), id), h.Purge(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("purged: %v", err)
	}
}
