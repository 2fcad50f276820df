package plugstead_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/update"
)

// lockedBuffer is written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestConfigOfAHost: a plugin gets what the operator configured, live, with the secrets that
// the host read; its log does not show them, and no file holds them.
func TestConfigOfAHost(t *testing.T) {
	s := registrytest.New(t)
	publishProbe(t, s, "1.0.0")
	t.Setenv("PLUGSTEAD_TEST_WORD", "hunter2")
	o := options(t, s)
	var log lockedBuffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.CheckConfig = schema.Check
	h := open(t, o)
	if err := h.Install(t.Context(), string(testplugin.ID)); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := h.Plugin(testplugin.ID)
	if err := h.Configure(t.Context(), testplugin.ID, `{"word":{"$secret":"env:PLUGSTEAD_TEST_WORD"},"limit":5}`); err != nil {
		t.Fatal(err)
	}
	v, err := probe.Look.Call(t.Context(), p, probe.Nothing{})
	if err != nil || v.Word != "hunter2" || v.Limit != 5 || v.Calls != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if n := p.Stats().Swaps; n != 0 {
		t.Errorf("%d swaps for what it takes while it runs", n)
	}
	if err := h.Configure(t.Context(), testplugin.ID, `{"wrod":"x"}`); err == nil {
		t.Error("a key that the plugin does not know")
	}
	if err := h.Configure(t.Context(), testplugin.ID, `{"word":{"$secret":"env:PLUGSTEAD_TEST_NONE"}}`); !errors.Is(err, config.ErrSecret) {
		t.Errorf("a secret that is not there: %v", err)
	}
	if v, err := probe.Look.Call(t.Context(), p, probe.Nothing{}); err != nil || v.Word != "hunter2" || v.Calls != 2 {
		t.Errorf("after what was refused: %+v, %v", v, err)
	}
	if err := h.ConfigureFrom(t.Context(), testplugin.ID, `{"limit":4}`, "{}"); !errors.Is(err, update.ErrStale) {
		t.Errorf("made out of what is not there any more: %v", err)
	}
	if err := h.Restart(t.Context(), testplugin.ID); err != nil {
		t.Fatal(err)
	}
	if v, err := probe.Look.Call(t.Context(), p, probe.Nothing{}); err != nil || v.Word != "hunter2" || v.Calls != 1 {
		t.Errorf("started anew: %+v, %v", v, err)
	}
	if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Log: "the word is hunter2", Stderr: "hunter2 on stderr"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil { // all of the log is written then
		t.Fatal(err)
	}
	if out := log.String(); strings.Contains(out, "hunter2") || !strings.Contains(out, "the word is *****") || !strings.Contains(out, "***** on stderr") {
		t.Errorf("logged: %s", out)
	}
	g, err := h.Installed()
	if err != nil || strings.Contains(g.Config(testplugin.ID), "hunter2") || g.Config(testplugin.ID) == "" {
		t.Errorf("%q, %v", g.Config(testplugin.ID), err)
	}
}
