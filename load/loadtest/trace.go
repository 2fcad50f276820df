package loadtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
)

// testTrace: a trace goes with a call into the plugin, and with the calls that it makes
// back to the host and to another plugin.
func testTrace(t *testing.T, x Target) {
	h := newHost()
	s := h.spec("")
	s.Peer = x.peers(t)
	in := x.startWith(t, testplugin.ID, s)
	trace := contract.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "rojo=00f067aa0ba902b7"}
	ctx := contract.WithTrace(t.Context(), trace)
	if v, err := probe.Look.Call(ctx, in, probe.Nothing{}); err != nil || v.Trace != trace.Parent+" "+trace.State {
		t.Errorf("the plugin sees the trace %q, %v", v.Trace, err)
	}
	if v, err := probe.Look.Call(t.Context(), in, probe.Nothing{}); err != nil || v.Trace != " " {
		t.Errorf("without a trace the plugin sees %q, %v", v.Trace, err)
	}
	if _, err := probe.Call.Call(ctx, in, probe.Text{Text: "key"}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.traces, []contract.Trace{trace}) {
		t.Errorf("the service sees %v", h.traces)
	}
	m, err := probe.Ask.Call(ctx, in, probe.Message{Renamed: testplugin.PeerID, Text: "trace"})
	if err != nil || !strings.HasSuffix(m.Text, trace.Parent) {
		t.Errorf("the other plugin sees %q, %v", m.Text, err)
	}
	for _, bad := range []contract.Trace{{Parent: strings.Repeat("x", 256)}, {State: "alone"}} {
		v, err := probe.Look.Call(contract.WithTrace(t.Context(), bad), in, probe.Nothing{})
		if x.Apart && (err != nil || v.Trace != " ") {
			t.Errorf("trace %+v: %q, %v", bad, v.Trace, err)
		}
	}
	if !x.Streams {
		return
	}
	d, err := probe.Double.Call(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := numbers(probe.Pull.Call(context.WithoutCancel(ctx), in, probe.Pulling{From: "host", N: 1})); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.traces, []contract.Trace{trace, trace}) {
		t.Errorf("services see %v", h.traces)
	}
}
