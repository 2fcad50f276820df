package sdktest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

func TestStart(t *testing.T) {
	var notes []string
	services := []contract.Handler{
		probe.Note.Handle(func(_ context.Context, x probe.Text) (probe.Nothing, error) {
			notes = append(notes, x.Text)
			return probe.Nothing{}, nil
		}),
		probe.Lookup.Handle(func(_ context.Context, x probe.Text) (probe.Text, error) {
			return probe.Text{Text: "found " + x.Text}, nil
		}),
	}
	t.Run("plugin", func(t *testing.T) {
		peer := sdktest.Start(t, testplugin.PeerID, sdktest.Options{})
		p := sdktest.Start(t, testplugin.ID, sdktest.Options{
			Config: testplugin.Config{Word: "hi"}, Host: services, Peers: map[string]contract.Caller{testplugin.PeerID: peer},
		})
		v, err := probe.Look.Call(t.Context(), p, probe.Nothing{})
		if err != nil || v.Word != "hi" || v.ID != testplugin.ID || v.DataDir == "" {
			t.Errorf("%+v, %v", v, err)
		}
		if got, err := probe.Call.Call(t.Context(), p, probe.Text{Text: "x"}); err != nil || got.Text != "found x" {
			t.Errorf("host service: %+v, %v", got, err)
		}
		if got, err := probe.Ask.Call(t.Context(), p, probe.Message{Text: "x", Renamed: testplugin.PeerID}); err != nil || got.Text != testplugin.PeerID+": x" {
			t.Errorf("peer: %+v, %v", got, err)
		}
		if _, err := probe.Ask.Call(t.Context(), p, probe.Message{Renamed: "a/b"}); !errors.Is(err, contract.Unavailable) {
			t.Errorf("unknown peer: %v", err)
		}
		if _, err := probe.Fail.Call(t.Context(), p, probe.Failure{How: "panic"}); !errors.Is(err, contract.Internal) {
			t.Errorf("panic: %v", err)
		}
		if err := errors.Join(p.Check(t.Context()), p.Quiesce(t.Context()), p.Configure(t.Context(), map[string]any{"sick": true})); err != nil {
			t.Error(err)
		}
		if err := p.Check(t.Context()); !errors.Is(err, contract.Unavailable) {
			t.Errorf("after the new configuration: %v", err)
		}
		if err := p.Configure(t.Context(), map[string]any{"sik": true}); !errors.Is(err, contract.InvalidArgument) {
			t.Errorf("misspelled: %v", err)
		}
		if err := peer.Configure(t.Context(), nil); !errors.Is(err, contract.Unimplemented) {
			t.Errorf("a plugin that cannot: %v", err)
		}
	})
	if len(notes) != 1 || notes[0] != "stop" {
		t.Errorf("when the test ended, the plugin noted %q", notes)
	}
}

func TestStartError(t *testing.T) {
	for want, o := range map[string]sdktest.Options{
		"told to fail": {Config: testplugin.Config{Fail: true}},
		"wrod":         {Config: map[string]string{"wrod": "x"}},
		"object":       {Config: 5},
		"chan":         {Config: make(chan int)},
	} {
		if err := sdktest.StartError(t, testplugin.ID, o); !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := sdktest.StartError(t, "nobody/here", sdktest.Options{}); !strings.Contains(err.Error(), "not registered") {
		t.Error(err)
	}
}

// TestExample runs what the example of the package shows.
func TestExample(t *testing.T) {
	t.Run("Greet", testGreet)
	t.Run("Suite", testSuite)
}
