package loadtest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
)

func testLog(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	if _, err := probe.Say.Call(t.Context(), in, probe.Speech{Log: "hello log", Debug: "unwanted"}); err != nil {
		t.Fatal(err)
	}
	r := h.awaitRecord("hello log")
	if r.Level != slog.LevelWarn || time.Since(r.Time) > time.Hour || time.Since(r.Time) < -time.Minute {
		t.Errorf("level %v, time %v", r.Level, r.Time)
	}
	if x.Apart {
		want := `a=1 g=[b=two n=-5 u=7 f=1.5 on=true d=1s t=2023-11-14T22:13:20.000Z err=plain in=[x=y]]`
		if got := words(r); got != want {
			t.Errorf("attributes\n%s\nwant\n%s", got, want)
		}
	}
	if _, err := probe.Fail.Call(t.Context(), in, probe.Failure{How: "panic"}); err == nil {
		t.Fatal("no panic")
	}
	if x.Apart {
		h.awaitRecord("panic in a handler")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.ContainsFunc(h.records, func(r slog.Record) bool { return r.Message == "unwanted" }) {
		t.Error("a record below the level of the host came through")
	}
}

func words(r slog.Record) string {
	var parts []string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "g" || a.Key == "a" {
			parts = append(parts, word(a))
		}
		return true
	})
	return strings.Join(parts, " ")
}

func word(a slog.Attr) string {
	switch a.Value.Kind() {
	case slog.KindTime:
		return a.Key + "=" + a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z")
	case slog.KindGroup:
		var parts []string
		for _, x := range a.Value.Group() {
			parts = append(parts, word(x))
		}
		return a.Key + "=[" + strings.Join(parts, " ") + "]"
	}
	return a.String()
}

// testOutput: what a plugin prints becomes records and disturbs nothing.
func testOutput(t *testing.T, x Target) {
	if !x.Apart {
		return
	}
	h := newHost()
	in := x.start(t, h, "")
	long := strings.Repeat("x", 20000)
	for _, s := range []probe.Speech{{Stdout: []byte("to stdout")}, {Stderr: "to stderr"}, {Stdout: []byte("bytes \x00\xff\x01 and\nline two")}, {Stdout: []byte(long)}} {
		if _, err := probe.Say.Call(t.Context(), in, s); err != nil {
			t.Fatal(err)
		}
	}
	if r := h.awaitRecord("to stdout"); r.Level != slog.LevelInfo {
		t.Error(r)
	}
	if r := h.awaitRecord("to stderr"); r.Level != slog.LevelWarn {
		t.Error(r)
	}
	h.awaitRecord("bytes \x00\uFFFD\x01 and")
	h.awaitRecord("line two")
	h.await(func() bool {
		n := 0
		for _, r := range h.records {
			if strings.HasPrefix(r.Message, "xxx") {
				n += len(r.Message)
			}
			if len(r.Message) > 8<<10 {
				t.Errorf("a line of %d bytes", len(r.Message))
			}
		}
		return n == len(long)
	})
	if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil {
		t.Error(err)
	}
}

func testHealth(t *testing.T, x Target) {
	if err := x.start(t, newHost(), "").Health(t.Context()); err != nil {
		t.Errorf("well: %v", err)
	}
	if err := x.start(t, newHost(), `{"sick":true}`).Health(t.Context()); !errors.Is(err, contract.Unavailable) || err.Error() != "sick" {
		t.Errorf("sick: %v", err)
	}
	if err := x.startWith(t, testplugin.PeerID, newHost().spec("")).Health(t.Context()); err != nil {
		t.Errorf("without Check: %v", err)
	}
}

func testQuiesce(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	if err := in.Quiesce(t.Context()); err != nil || !x.look(t, in).Quiet {
		t.Errorf("%v", err)
	}
}

func testStop(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	select {
	case <-in.Done():
		t.Fatal("done before the stop")
	default:
	}
	if err := errors.Join(in.Stop(t.Context()), in.Err()); err != nil {
		t.Error(err)
	}
	<-in.Done()
	if got := h.noted(); !slices.Equal(got, []string{"stop"}) {
		t.Errorf("the plugin noted %q", got)
	}
	_, err := probe.Echo.Call(t.Context(), in, probe.Message{})
	if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonStopped {
		t.Errorf("call after the stop: %v", err)
	}
	if err := errors.Join(in.Stop(t.Context()), in.Close(), in.Close(), in.Err()); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := in.Health(t.Context()); x.Apart && !errors.Is(err, contract.Unavailable) {
		t.Errorf("health after the stop: %v", err)
	}
}

// testStopDrains: a call in flight ends before the plugin does. The call goes through
// Invoke: direct calls are their caller's to wait for.
func testStopDrains(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	result := make(chan error, 1)
	go func() {
		var out probe.Waited
		result <- in.Invoke(t.Context(), probe.Wait.Method, &probe.Waiting{For: 100 * time.Millisecond, Announce: true}, &out)
	}()
	h.awaitNote("waiting")
	if err := in.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-result; err != nil {
		t.Errorf("call in flight: %v", err)
	}
	if got := h.noted(); !slices.Equal(got, []string{"waiting", "finished", "stop"}) {
		t.Errorf("the plugin noted %q", got)
	}
}

// testStopTimeout: a call that does not end makes Stop give up, and Close end it.
func testStopTimeout(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	ctx, cancelCall := context.WithCancel(t.Context())
	defer cancelCall()
	result := make(chan error, 1)
	go func() {
		var out probe.Waited
		result <- in.Invoke(ctx, probe.Wait.Method, &probe.Waiting{For: time.Hour, Announce: true}, &out)
	}()
	h.awaitNote("waiting")
	stop, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := in.Stop(stop); !errors.Is(err, contract.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
	if !x.Apart {
		cancelCall() // nothing can end it by force
	}
	if err := in.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	<-in.Done()
	if err := <-result; x.Apart && !errors.Is(err, contract.Unavailable) {
		t.Errorf("call in flight: %v", err)
	}
}

func testClose(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	<-in.Done()
	if err := in.Err(); err != nil {
		t.Error(err)
	}
}

func testStartErrors(t *testing.T, x Target) {
	fail := func(name string, ctx context.Context, im load.Image, config string, want contract.Code) error {
		in, err := x.Driver.Start(ctx, im, newHost().spec(config))
		if err == nil {
			in.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		return err
	}
	im := x.Image(t, testplugin.ID)
	if e := contract.AsError(fail("open fails", t.Context(), im, `{"fail":true,"word":"w"}`, contract.FailedPrecondition)); e != nil && e.Details["word"] != "w" {
		t.Errorf("open fails: details are lost: %#v", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	fail("open is slow", ctx, im, `{"wait":3600000000000}`, contract.DeadlineExceeded)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	fail("over before", over, im, "", contract.Canceled)
	if x.Apart {
		broken := *im.Manifest
		broken.Provides = append(slices.Clip(broken.Provides), im.Manifest.Provides[0])
		broken.Provides[1].ID = "plugstead.test/promised"
		promised := im
		promised.Manifest = &broken
		fail("a point that is promised", t.Context(), promised, "", contract.FailedPrecondition)
		missing := im
		missing.Tree = t.TempDir()
		fail("no file", t.Context(), missing, "", contract.FailedPrecondition)
		relative := im
		relative.Tree = "."
		fail("relative folder", t.Context(), relative, "", contract.InvalidArgument)
	}
	unknown := x.Image(t, "plugstead-test/unknown")
	unknown.Manifest.Provides = nil
	if _, err := x.Driver.Start(t.Context(), unknown, load.Spec{}); err == nil || !strings.Contains(err.Error(), "plugstead-test/unknown") {
		t.Errorf("unknown plugin: %v", err)
	}
}
