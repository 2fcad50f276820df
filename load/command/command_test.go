//go:build unix

package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// point is what the commands of these tests implement.
var (
	point  = contract.Define("acme.dev/count", 1, 1)
	words  = contract.Unary[text, number](point, "Words")
	again2 = contract.Unary[text, number](point, "Again", contract.MethodOptions{Idempotent: true})
	small  = contract.Unary[text, text](point, "Small", contract.MethodOptions{MaxBytes: 100})
	show   = contract.Unary[text, map[string]string](point, "Show", contract.MethodOptions{Optional: true})
	stream = contract.ServerStream[text, number](point, "Stream", contract.MethodOptions{Optional: true})

	newer   = contract.Define("acme.dev/count", 1, 2)
	later   = contract.Unary[text, number](newer, "Later", contract.MethodOptions{Since: 2, Optional: true})
	foreign = contract.Unary[text, number](contract.Define("acme.dev/other", 1, 0), "Words")
)

type text struct{ Text string }

type number struct{ Words int }

// records keeps log records.
type records struct {
	mu   sync.Mutex
	list []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }

func (r *records) Handle(_ context.Context, x slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x.Clone())
	return nil
}

func (r *records) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *records) WithGroup(string) slog.Handler      { return r }

func (r *records) lines() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.list {
		out = append(out, x.Level.String()+" "+x.Message)
	}
	return out
}

// image makes the package of a script.
func image(t testing.TB, script string) load.Image {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return load.Image{
		Runtime: manifest.RuntimeCommand, Tree: dir,
		Manifest: &manifest.Manifest{
			ID: "acme/wc", Version: version.MustParse("1.2.3"), Provides: []manifest.PointRef{{ID: "acme.dev/count", Major: 1, Minor: 1}},
			Runtimes: manifest.Runtimes{Command: &manifest.CommandRuntime{Script: "run.sh"}},
		},
	}
}

// start starts a script, which gets its first line here.
func start(t testing.TB, d Driver, script string, s load.Spec) *instance {
	t.Helper()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	in, err := d.Start(t.Context(), image(t, "#!/bin/sh\n"+script), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-in.Done()
		if err := in.Err(); err != nil {
			t.Error(err)
		}
	})
	return in.(*instance)
}

func TestCall(t *testing.T) {
	in := start(t, Driver{}, `
case "$1/$2" in
acme.dev/count.v1/Words) printf ' {"Words":%d}\n\n' "$(wc -w)" ;;
*) exit 112 ;;
esac`, load.Spec{})
	got, err := words.Call(t.Context(), in, text{"one two three"})
	if err != nil || got.Words != 1+2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := again2.Call(t.Context(), in, text{}); !errors.Is(err, contract.Unimplemented) {
		t.Error(err)
	}
}

// TestOffers: nothing is run to find out.
func TestOffers(t *testing.T) {
	in := start(t, Driver{}, "touch ran; echo '{}'", load.Spec{})
	for m, want := range map[*contract.Method]bool{
		words.Method: true, show.Method: true, stream.Method: false, later.Method: false, foreign.Method: false,
	} {
		if in.Offers(m) != want {
			t.Errorf("%s: %v", m.Path(), !want)
		}
	}
	for name, err := range map[string]error{
		"stream": second(stream.Call(t.Context(), in, text{})), "later": errOf(later.Call(t.Context(), in, text{})),
		"foreign": errOf(foreign.Call(t.Context(), in, text{})),
	} {
		if !errors.Is(err, contract.Unimplemented) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := in.Stream(t.Context(), words.Method); !errors.Is(err, contract.FailedPrecondition) {
		t.Error(err)
	}
	if err := errors.Join(in.Health(t.Context()), in.Quiesce(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(in.image.Tree, "ran")); err == nil {
		t.Error("something was run")
	}
}

func errOf[T any](_ T, err error) error { return err }

// second returns the error of a stream that yields nothing else.
func second[T any](seq func(func(T, error) bool)) (out error) {
	for _, err := range seq {
		out = err
	}
	return out
}

// TestSurroundings: a command sees what the specification says and nothing of the host's.
func TestSurroundings(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_SECRET", "s3cret")
	t.Setenv("PLUGSTEAD_TEST_GRANTED", "given")
	data := t.TempDir()
	in := start(t, Driver{}, `env > "$PLUGSTEAD_DATA/env"; printf '{"args":"%s","dir":"%s"}' "$*" "$(pwd -P)"`, load.Spec{
		Config: []byte(` {"word": "hi" } `), DataDir: data, Grants: []manifest.Capability{"env:PLUGSTEAD_TEST_GRANTED", "env:PLUGSTEAD_TEST_UNSET"},
	})
	ctx, cancel := context.WithDeadline(t.Context(), time.UnixMilli(4102444800123))
	defer cancel()
	ctx = contract.WithTrace(ctx, contract.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "a\x00b"})
	got, err := show.Call(ctx, in, text{})
	tree, err2 := filepath.EvalSymlinks(in.image.Tree)
	if err != nil || err2 != nil || got["args"] != "acme.dev/count.v1 Show" || got["dir"] != tree {
		t.Errorf("%q, %v, %v", got, err, err2)
	}
	want := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "PLUGSTEAD_COMMAND=1", `PLUGSTEAD_CONFIG={"word":"hi"}`, "PLUGSTEAD_DATA=" + data,
		"PLUGSTEAD_DEADLINE=4102444800123", "PLUGSTEAD_PLUGIN=acme/wc", "PLUGSTEAD_TEST_GRANTED=given", "PLUGSTEAD_VERSION=1.2.3",
		"TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	if env := environment(t, data); !slices.Equal(env, want) {
		t.Errorf("got  %q\nwant %q", env, want)
	}
	if err := in.Reconfigure(t.Context(), []byte(`{"word":"ho"}`)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`{`, `[1]`, `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("x", maxConfig) + `"}`} {
		if err := in.Reconfigure(t.Context(), []byte(bad)); !errors.Is(err, contract.InvalidArgument) {
			t.Errorf("%.20s: %v", bad, err)
		}
	}
	if _, err := show.Call(t.Context(), in, text{}); err != nil {
		t.Error(err)
	}
	if env := environment(t, data); !slices.Contains(env, `PLUGSTEAD_CONFIG={"word":"ho"}`) || len(env) != len(want)-2 {
		t.Errorf("%q", env)
	}
}

// environment reads what env wrote, without what the shell adds.
func environment(t *testing.T, dir string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(list)
	return slices.DeleteFunc(list, func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_", "PLUGSTEAD_TREE"}, name)
	})
}

func TestLog(t *testing.T) {
	var log records
	in := start(t, Driver{}, `printf 'plain\ndebug: d\ninfo: i\r\nwarn:w\nerror: e\nother: o\n\nno end' >&2; echo '{"Words":1}'`, load.Spec{Log: slog.New(&log)})
	if _, err := words.Call(t.Context(), in, text{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"WARN plain", "DEBUG d", "INFO i", "WARN w", "ERROR e", "WARN other: o", "WARN no end"}
	if got := log.lines(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestErrorsShowNoSecret: the last line of standard error is part of the error, cut to a length.
func TestErrorsShowNoSecret(t *testing.T) {
	const secret = "hunter2-is-secret"
	hide := func(err error) error { return errors.New(strings.ReplaceAll(err.Error(), secret, "*****")) }
	for _, before := range []string{"login with ", strings.Repeat("x", 292)} {
		in := start(t, Driver{}, "echo '"+before+secret+"' >&2; exit 1", load.Spec{Hide: hide})
		_, err := words.Call(t.Context(), in, text{"x"})
		if err == nil || strings.Contains(err.Error(), "hunt") || !strings.Contains(err.Error(), "*****") {
			t.Errorf("%v", err)
		}
	}
}

func TestStartErrors(t *testing.T) {
	good := image(t, "#!/bin/sh\n")
	change := func(f func(*load.Image, *manifest.Manifest)) load.Image {
		im, m := good, *good.Manifest
		im.Manifest = &m
		f(&im, &m)
		return im
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		im     load.Image
		config string
		want   contract.Code
	}{
		"no file":  {t.Context(), change(func(im *load.Image, _ *manifest.Manifest) { im.Tree = t.TempDir() }), "", contract.FailedPrecondition},
		"relative": {t.Context(), change(func(im *load.Image, _ *manifest.Manifest) { im.Tree = "." }), "", contract.InvalidArgument},
		"escape": {t.Context(), change(func(_ *load.Image, m *manifest.Manifest) {
			m.Runtimes.Command = &manifest.CommandRuntime{Script: "../x"}
		}), "", contract.InvalidArgument},
		"a folder": {t.Context(), change(func(im *load.Image, m *manifest.Manifest) {
			m.Runtimes.Command = &manifest.CommandRuntime{Script: filepath.Base(im.Tree)}
			im.Tree = filepath.Dir(im.Tree)
		}), "", contract.FailedPrecondition},
		"no platform": {t.Context(), change(func(_ *load.Image, m *manifest.Manifest) {
			m.Runtimes.Command = &manifest.CommandRuntime{Platforms: map[string]string{"plan9/mips": "x"}}
		}), "", contract.FailedPrecondition},
		"no command":  {t.Context(), change(func(_ *load.Image, m *manifest.Manifest) { m.Runtimes = manifest.Runtimes{} }), "", contract.FailedPrecondition},
		"config":      {t.Context(), good, `{"a":`, contract.InvalidArgument},
		"over before": {over, good, "", contract.Canceled},
	} {
		if in, err := (Driver{}).Start(c.ctx, c.im, load.Spec{Config: []byte(c.config)}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, in, err)
		}
		if err := (Driver{}).Prepare(t.Context(), c.im); (err == nil) != (c.im.Manifest == good.Manifest) {
			t.Errorf("%s: prepare: %v", name, err)
		}
	}
}

// TestStop: calls in flight are waited for, then nothing is called any more.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	in := start(t, Driver{}, `echo > "$PLUGSTEAD_DATA/here"; cat > /dev/null < "$PLUGSTEAD_DATA/gate"; echo '{"Words":7}'`, load.Spec{DataDir: dir})
	gate := fifo(t, dir, "gate")
	here := fifo(t, dir, "here")
	result := make(chan error, 1)
	go func() {
		n, err := words.Call(t.Context(), in, text{})
		if err == nil && n.Words != 7 {
			err = errors.New("another answer")
		}
		result <- err
	}()
	here.await(t)
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.Stop(short); !errors.Is(err, contract.Canceled) {
		t.Error(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- in.Stop(t.Context()) }()
	gate.open(t)
	if err := errors.Join(<-result, <-stopped); err != nil {
		t.Error(err)
	}
	<-in.Done()
	_, err := words.Call(t.Context(), in, text{})
	for name, err := range map[string]error{
		"call": err, "stream": errOf(in.Stream(t.Context(), stream.Method)), "health": in.Health(t.Context()),
		"quiesce": in.Quiesce(t.Context()), "configure": in.Reconfigure(t.Context(), nil),
	} {
		if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonStopped || e.Delivered() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(in.Stop(t.Context()), in.Close(), in.Close()); err != nil {
		t.Error(err)
	}
}
