// Package loadtest holds runtimes to what load promises: one suite, one plugin package,
// every runtime.
package loadtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
)

// Run checks one runtime: everything, or only the named parts.
func Run(t *testing.T, x Target, only ...string) {
	for _, c := range []struct {
		name string
		f    func(*testing.T, Target)
	}{
		{"Prepare", testPrepare},
		{"Describe", testDescribe},
		{"Messages", testMessages},
		{"BigMessages", testBigMessages},
		{"Concurrent", testConcurrent},
		{"Offers", testOffers},
		{"Mismatch", testMismatch},
		{"Majors", testMajors},
		{"Errors", testErrors},
		{"Panics", testPanics},
		{"Exit", testExit},
		{"Deadline", testDeadline},
		{"Cancel", testCancel},
		{"DefaultTimeout", testDefaultTimeout},
		{"Config", testConfig},
		{"ConfigErrors", testConfigErrors},
		{"Reconfigure", testReconfigure},
		{"Surroundings", testSurroundings},
		{"HostService", testHostService},
		{"HostServiceWithinCall", testHostServiceWithinCall},
		{"Cycle", testCycle},
		{"CancelStorm", testCancelStorm},
		{"Peer", testPeer},
		{"Trace", testTrace},
		{"Log", testLog},
		{"Output", testOutput},
		{"Health", testHealth},
		{"Quiesce", testQuiesce},
		{"Stop", testStop},
		{"StopDrains", testStopDrains},
		{"StopTimeout", testStopTimeout},
		{"Close", testClose},
		{"Streams", testStreams},
		{"StreamErrors", testStreamErrors},
		{"StreamEnds", testStreamEnds},
		{"StreamFlow", testStreamFlow},
		{"StreamsOutward", testStreamsOutward},
		{"StreamCrash", testStreamCrash},
		{"StartErrors", testStartErrors},
	} {
		if len(only) == 0 || slices.Contains(only, c.name) {
			t.Run(c.name, func(t *testing.T) { c.f(t, x) })
		}
	}
}

func testPrepare(t *testing.T, x Target) {
	for range 2 {
		if err := x.Driver.Prepare(t.Context(), x.Image(t, testplugin.ID)); err != nil {
			t.Fatal(err)
		}
	}
}

// testDescribe: what is not part of the program says what it implements, and what
// configuration it takes, if it knows.
func testDescribe(t *testing.T, x Target) {
	d, ok := x.Driver.(load.Describer)
	if ok != x.Apart {
		t.Fatalf("%T: a Describer: %v", x.Driver, ok)
	}
	if !ok {
		return
	}
	im := x.Image(t, testplugin.ID)
	b, err := d.Describe(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := b.Method(probe.Echo.Path())
	if want := fmt.Sprintf("%016x", probe.Echo.Fingerprint()); !ok || m.Minor != 1 || m.Kind != 0 || m.Fingerprint != want {
		t.Errorf("%+v, want the fingerprint %s", m, want)
	}
	if _, ok := b.Method(probe.Absent.Path()); ok {
		t.Error("it implements what it leaves out")
	}
	copied := *im.Manifest
	copied.Built = b
	copied.Summary = "A plugin of tests"
	if err := copied.Validate(); err != nil {
		t.Errorf("the description is no part of a manifest: %v", err)
	}
	if b.Config != "" && !strings.Contains(b.Config, `"word":{"type":"string"}`) {
		t.Errorf("configuration: %s", b.Config)
	}
	again, err := d.Describe(t.Context(), im)
	if err != nil || !reflect.DeepEqual(again, b) {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	broken := *im.Manifest
	broken.Provides = append(slices.Clip(broken.Provides), manifest.PointRef{ID: "plugstead.test/promised", Major: 1})
	im.Manifest = &broken
	if _, err := d.Describe(t.Context(), im); !errors.Is(err, contract.FailedPrecondition) || !strings.Contains(err.Error(), "promised") {
		t.Errorf("a point that is promised: %v", err)
	}
}

func full() probe.Message {
	return probe.Message{
		Text: "Grüße, 世界", Number: math.MinInt64, Big: math.MaxUint64, Ratio: -0.1, On: true,
		Data: []byte{0, 1, 254, 255}, When: time.Date(2026, 11, 23, 1, 2, 3, 456789012, time.UTC), For: 90 * time.Second,
		List: []string{"", "a", "b"}, Map: map[string]int{"x": 1, "": -2}, Inner: &probe.Message{Text: "in"}, Renamed: "r",
	}
}

func testMessages(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	for _, m := range []probe.Message{{}, full()} {
		got, err := probe.Echo.Call(t.Context(), in, m)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, m)
		}
	}
	bad := probe.Message{Text: "\xff"}
	_, err := probe.Echo.Call(t.Context(), in, bad)
	if (x.Apart || x.Copies) && !errors.Is(err, contract.InvalidArgument) {
		t.Errorf("text that is no UTF-8: %v", err)
	}
}

func testBigMessages(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	for _, size := range []int{4 << 10, 64 << 10, 300 << 10, 5 << 20} {
		m := probe.Message{Data: bytes.Repeat([]byte("0123456789abcdef"), size/16)}
		got, err := probe.Echo.Call(t.Context(), in, m)
		if err != nil || !bytes.Equal(got.Data, m.Data) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got.Data), err)
		}
	}
	_, err := probe.Short.Call(t.Context(), in, probe.Message{Text: strings.Repeat("x", 1001)})
	if (x.Apart || x.Copies) && (!errors.Is(err, contract.ResourceExhausted) || contract.AsError(err).Reason != contract.ReasonTooLarge) {
		t.Errorf("over the limit of the method: %v", err)
	}
	if _, err := probe.Short.Call(t.Context(), in, probe.Message{Text: "x"}); err != nil {
		t.Error(err)
	}
}

func testConcurrent(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 50 {
				m := probe.Message{Number: int64(1000*worker + n), Data: make([]byte, 100*n)}
				if got, err := probe.Echo.Call(t.Context(), in, m); err != nil || got.Number != m.Number || len(got.Data) != len(m.Data) {
					t.Errorf("got %d with %d bytes, %v; want %d", got.Number, len(got.Data), err, m.Number)
				}
			}
		})
	}
	wg.Wait()
}

func testOffers(t *testing.T, x Target) {
	h := newHost()
	s := h.spec("")
	s.Peer = x.peers(t)
	in := x.startWith(t, testplugin.ID, s)
	if !in.Offers(probe.Echo.Method) || in.Offers(probe.Absent.Method) || in.Offers(probe.Lookup.Method) {
		t.Error("Offers is wrong")
	}
	if _, err := probe.Absent.Call(t.Context(), in, probe.Nothing{}); !errors.Is(err, contract.Unimplemented) {
		t.Errorf("absent method: %v", err)
	}
	got, err := probe.Offered.Call(t.Context(), in, probe.Nothing{})
	want := probe.Offers{Lookup: true, PeerEcho: true}
	if err != nil || got != want {
		t.Errorf("the plugin sees %+v, %v; want %+v", got, err, want)
	}
}

// Another build of the contract: the same path and minor version, other types.
var (
	otherPoint = contract.Define("plugstead.test/probe", 1, 1)
	otherEcho  = contract.Unary[probe.Text, probe.Text](otherPoint, "Echo")
	newPoint   = contract.Define("plugstead.test/probe", 1, 2)
	newEcho    = contract.Unary[struct {
		Text string
		More string
	}, probe.Text](newPoint, "Echo")
	newMethod = contract.Unary[probe.Text, probe.Text](newPoint, "Newer", contract.MethodOptions{Since: 2})
)

func testMismatch(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	_, err := otherEcho.Call(t.Context(), in, probe.Text{Text: "x"})
	if e := contract.AsError(err); e == nil || e.Code != contract.FailedPrecondition || e.Reason != contract.ReasonMismatch || !strings.Contains(e.Message, "/plugstead.test/probe.v1/Echo") {
		t.Errorf("other types: %v", err)
	}
	var req struct{ Text, More string }
	req.Text = "kept"
	got, err := newEcho.Call(t.Context(), in, req)
	if (x.Apart || x.Copies) && err != nil {
		t.Errorf("a newer minor version: %q, %v", got.Text, err)
	}
	if _, err := newMethod.Call(t.Context(), in, probe.Text{}); in.Offers(newMethod.Method) || !errors.Is(err, contract.Unimplemented) {
		t.Errorf("a method that came later: %v", err)
	}
}

// testMajors: a plugin serves two major versions of a point at once, to hosts of both.
func testMajors(t *testing.T, x Target) {
	in := x.startWith(t, testplugin.PeerID, newHost().spec(""))
	one, err := probe.PeerEcho.Call(t.Context(), in, probe.Message{Text: "x"})
	if err != nil || one.Text != testplugin.PeerID+": x" {
		t.Errorf("version 1: %q, %v", one.Text, err)
	}
	two, err := probe.PeerEcho2.Call(t.Context(), in, probe.Text{Text: "x"})
	if err != nil || two.Text != "x" {
		t.Errorf("version 2: %q, %v", two.Text, err)
	}
	three := contract.Unary[probe.Text, probe.Text](contract.Define("plugstead.test/peer", 3, 0), "Echo")
	if _, err := three.Call(t.Context(), in, probe.Text{}); in.Offers(three.Method) || !errors.Is(err, contract.Unimplemented) {
		t.Errorf("version 3: %v", err)
	}
}

func testErrors(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	_, err := probe.Fail.Call(t.Context(), in, probe.Failure{How: "code"})
	var e *contract.Error
	if !errors.As(err, &e) || !errors.Is(err, contract.NotFound) || errors.Is(err, contract.Internal) ||
		e.Reason != "NO_THING" || e.Message != "no such thing" || !maps.Equal(e.Details, map[string]string{"thing": "x", "näme": "ü"}) {
		t.Errorf("code: %#v", err)
	}
	_, err = probe.Fail.Call(t.Context(), in, probe.Failure{How: "wrapped"})
	if !errors.As(err, &e) || e.Code != contract.NotFound || e.Reason != "NO_THING" || e.Message != "while looking: no such thing" || e.Details["thing"] != "x" {
		t.Errorf("wrapped: %#v", err)
	}
	_, err = probe.Fail.Call(t.Context(), in, probe.Failure{How: "plain"})
	if !errors.As(err, &e) || e.Code != contract.Unknown || e.Message != "plain" {
		t.Errorf("plain: %#v", err)
	}
	if inner := errors.Unwrap(err); (x.Apart || x.Copies) == (inner != nil && inner.Error() == "plain") {
		t.Errorf("plain: its cause is %v", inner)
	}
	if _, err = probe.Fail.Call(t.Context(), in, probe.Failure{How: "bytes"}); !errors.Is(err, contract.Unknown) || !strings.Contains(err.Error(), "bad ") {
		t.Errorf("bytes: %#v", err)
	}
	if _, err := probe.Fail.Call(t.Context(), in, probe.Failure{}); err != nil {
		t.Errorf("no failure: %v", err)
	}
}

func testPanics(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	for _, how := range []string{"panic", "nil"} {
		_, err := probe.Fail.Call(t.Context(), in, probe.Failure{How: how})
		if e := contract.AsError(err); e == nil || e.Code != contract.Internal || e.Reason != contract.ReasonPanic {
			t.Errorf("%s: %v", how, err)
		}
	}
	if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

// testExit ends the plugin from within. One that is in this process would end the test.
func testExit(t *testing.T, x Target) {
	if !x.Apart {
		return
	}
	for _, how := range []string{"exit", "crash"} {
		h := newHost()
		in := x.start(t, h, `{"word":"w"}`)
		view, err := probe.Look.Call(t.Context(), in, probe.Nothing{})
		if err != nil || view.Calls != 1 {
			t.Fatal(view, err)
		}
		_, err = probe.Fail.Call(t.Context(), in, probe.Failure{How: how})
		if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonCrashed {
			t.Errorf("%s: %v", how, err)
		}
		if !x.Ends {
			view, err = probe.Look.Call(t.Context(), in, probe.Nothing{})
			if err != nil || view.Calls != 1 || view.Word != "w" {
				t.Errorf("%s: the next call got %+v, %v; want a fresh plugin with the same configuration", how, view, err)
			}
			continue
		}
		<-in.Done()
		if err := in.Err(); !errors.Is(err, contract.Unavailable) || how == "exit" && !strings.Contains(err.Error(), "last words") || how == "crash" && !strings.Contains(err.Error(), "crash in a goroutine") {
			t.Errorf("%s: ended with %v", how, err)
		}
		_, err = probe.Look.Call(t.Context(), in, probe.Nothing{})
		if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonStopped {
			t.Errorf("%s: later: %v", how, err)
		}
	}
}

func testDeadline(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	got, err := probe.Wait.Call(t.Context(), in, probe.Waiting{})
	if err != nil || got.Left != 0 {
		t.Errorf("no deadline: %v, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if got, err = probe.Wait.Call(ctx, in, probe.Waiting{}); err != nil || got.Left <= 50*time.Minute || got.Left > time.Hour {
		t.Errorf("the plugin sees %v of an hour, %v", got.Left, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := probe.Wait.Call(short, in, probe.Waiting{For: time.Hour}); !errors.Is(err, contract.DeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("missed: %v", err)
	}
	if _, err := probe.Wait.Call(short, in, probe.Waiting{}); !errors.Is(err, contract.DeadlineExceeded) {
		t.Errorf("over before: %v", err)
	}
	if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil {
		t.Errorf("after a missed deadline: %v", err)
	}
}

func testCancel(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := probe.Wait.Call(ctx, in, probe.Waiting{For: time.Hour, Announce: true})
		result <- err
	}()
	h.awaitNote("waiting")
	cancel()
	if err := <-result; !errors.Is(err, contract.Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if x.Ends || !x.Apart { // elsewhere the instance is gone with the call
		h.awaitNote("cancelled")
	}
	if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil {
		t.Errorf("after a cancelled call: %v", err)
	}
}

func testDefaultTimeout(t *testing.T, x Target) {
	in := x.start(t, newHost(), "")
	if _, err := probe.Prompt.Call(t.Context(), in, probe.Waiting{For: time.Hour}); !errors.Is(err, contract.DeadlineExceeded) {
		t.Errorf("default deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := probe.Prompt.Call(ctx, in, probe.Waiting{For: 100 * time.Millisecond}); err != nil {
		t.Errorf("own deadline: %v", err)
	}
}

func (x Target) look(t *testing.T, in load.Instance) probe.View {
	t.Helper()
	v, err := probe.Look.Call(t.Context(), in, probe.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testConfig(t *testing.T, x Target) {
	in := x.start(t, newHost(), ` {"word": "hi <é>", "limit": 9007199254740993, "extra": {"a": {"on": true, "ratio": 2}}} `)
	v := x.look(t, in)
	if v.Word != "hi <é>" || v.Limit != 9007199254740993 || v.ID != testplugin.ID {
		t.Errorf("%+v", v)
	}
	if other := x.start(t, newHost(), `{}`); x.look(t, other).Word != "" || x.look(t, in).Calls != 2 {
		t.Error("two instances share a state")
	}
}

func testConfigErrors(t *testing.T, x Target) {
	for config, want := range map[string]string{
		`{"word":"x","wrod":"y"}`:      "wrod",
		`{"extra":{"a":{"off":true}}}`: "extra",
		`{"word":5}`:                   "word",
		`{"word":"a","word":"b"}`:      "twice",
		`[1]`:                          "object",
		`{"word":`:                     "configuration",
		`null`:                         "object",
	} {
		in, err := x.Driver.Start(t.Context(), x.Image(t, testplugin.ID), newHost().spec(config))
		if err == nil {
			in.Close()
		}
		if !errors.Is(err, contract.InvalidArgument) || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func testReconfigure(t *testing.T, x Target) {
	in := x.start(t, newHost(), `{"word":"one"}`)
	r, ok := in.(load.Reconfigurer)
	if !ok {
		t.Fatalf("%T is no load.Reconfigurer", in)
	}
	if err := r.Reconfigure(t.Context(), []byte(`{"word":"two"}`)); err != nil || x.look(t, in).Word != "two" {
		t.Errorf("%v, %+v", err, x.look(t, in))
	}
	for _, bad := range []string{`{"word":"three","fail":true}`, `{"wort":1}`, `{`} {
		if err := r.Reconfigure(t.Context(), []byte(bad)); !errors.Is(err, contract.InvalidArgument) || x.look(t, in).Word != "two" {
			t.Errorf("%s: %v, %+v", bad, err, x.look(t, in))
		}
	}
	peer := x.startWith(t, testplugin.PeerID, newHost().spec(""))
	if err := peer.(load.Reconfigurer).Reconfigure(t.Context(), nil); !errors.Is(err, contract.Unimplemented) {
		t.Errorf("a plugin that cannot: %v", err)
	}
}

func testSurroundings(t *testing.T, x Target) {
	t.Setenv("PLUGSTEAD_TEST_SECRET", "s3cret")
	t.Setenv("PLUGSTEAD_TEST_GRANTED", "given")
	s := newHost().spec("")
	s.DataDir = t.TempDir()
	s.Grants = []manifest.Capability{"env:PLUGSTEAD_TEST_GRANTED", "env:PLUGSTEAD_TEST_UNSET"}
	in := x.startWith(t, testplugin.ID, s)
	a, b := x.look(t, in), x.look(t, in)
	if x.Folder != (a.DataDir == s.DataDir) || !x.Folder && a.DataDir != "" {
		t.Errorf("private folder %q", a.DataDir)
	}
	if a.Random == b.Random || b.Now.Before(a.Now) || time.Since(a.Now) > time.Hour {
		t.Errorf("random %d, %d; time %v, %v", a.Random, b.Random, a.Now, b.Now)
	}
	if !x.Apart {
		return
	}
	if !slices.Contains(a.Environ, "PLUGSTEAD_TEST_GRANTED=given") {
		t.Errorf("the granted variable is not in %q", a.Environ)
	}
	for _, v := range a.Environ {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains([]string{"PLUGSTEAD_TEST_GRANTED", "PLUGSTEAD_PROTOCOL", "PLUGSTEAD_PLUGIN", "PLUGSTEAD_TREE", "SYSTEMROOT"}, name) {
			t.Errorf("the plugin sees %s", v)
		}
	}
}

func testHostService(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	got, err := probe.Call.Call(t.Context(), in, probe.Text{Text: "key"})
	if err != nil || got.Text != "value of key" || !slices.Equal(h.callers, []manifest.ID{testplugin.ID}) {
		t.Errorf("%v, %v; called by %q", got, err, h.callers)
	}
	_, err = probe.Call.Call(t.Context(), in, probe.Text{Text: "missing"})
	if e := contract.AsError(err); e == nil || e.Code != contract.NotFound || e.Reason != "NO_ENTRY" || e.Details["key"] != "missing" {
		t.Errorf("error of the host: %v", err)
	}
	if _, err = probe.Call.Call(t.Context(), in, probe.Text{Text: "panic"}); !errors.Is(err, contract.Internal) {
		t.Errorf("panic of the host: %v", err)
	}
	none := x.startWith(t, testplugin.ID, load.Spec{})
	if _, err = probe.Call.Call(t.Context(), none, probe.Text{Text: "key"}); !errors.Is(err, contract.Unimplemented) {
		t.Errorf("no such service: %v", err)
	}
}

type ctxKey struct{}

// testHostServiceWithinCall: a service sees the context of the call that led to it.
func testHostServiceWithinCall(t *testing.T, x Target) {
	h := newHost()
	in := x.start(t, h, "")
	reached := make(chan struct{})
	h.lookup = func(ctx context.Context, _ string) (string, error) {
		if v, _ := ctx.Value(ctxKey{}).(string); v != "outer" {
			t.Errorf("the context of the call is lost")
		}
		close(reached)
		<-ctx.Done()
		return "", ctx.Err()
	}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), ctxKey{}, "outer"))
	go func() { <-reached; cancel() }()
	if _, err := probe.Call.Call(ctx, in, probe.Text{}); !errors.Is(err, contract.Canceled) {
		t.Errorf("%v", err)
	}
}

// testCycle: the plugin calls the host, which calls the plugin, and so on. It works, or where
// there is no instance to spare fails at once.
func testCycle(t *testing.T, x Target) {
	const rounds = 8
	h := newHost()
	var in load.Instance
	h.lookup = func(ctx context.Context, text string) (string, error) {
		if len(text) == rounds {
			return text, nil
		}
		out, err := probe.Call.Call(ctx, in, probe.Text{Text: text + "x"})
		return out.Text, err
	}
	in = x.start(t, h, "")
	out, err := probe.Call.Call(t.Context(), in, probe.Text{})
	if err == nil && out.Text == strings.Repeat("x", rounds) {
		return
	}
	if e := contract.AsError(err); x.Ends || !x.Apart || e == nil || e.Code != contract.FailedPrecondition || e.Reason != contract.ReasonCycle {
		t.Errorf("%q, %v", out.Text, err)
	}
}

// testCancelStorm: 10,000 calls are given up in the middle, and nothing is left of them.
func testCancelStorm(t *testing.T, x Target) {
	if x.Apart && !x.Ends {
		return // each would cost an instance
	}
	in := x.start(t, newHost(), "")
	const workers = 50
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for n := range 10_000 / workers {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(worker*n)*100*time.Nanosecond)
				_, err := probe.Wait.Call(ctx, in, probe.Waiting{For: time.Hour})
				cancel()
				if !errors.Is(err, contract.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	wg.Wait()
	if err := in.Stop(t.Context()); err != nil { // it waits for all calls
		t.Error(err)
	}
}

// peers starts the peer in the same runtime.
func (x Target) peers(t testing.TB) func(manifest.ID) contract.Caller {
	peer := x.startWith(t, testplugin.PeerID, newHost().spec(""))
	return func(id manifest.ID) contract.Caller {
		if id == testplugin.PeerID {
			return peer
		}
		return nil
	}
}

func testPeer(t *testing.T, x Target) {
	RunPeer(t, x, x.peers(t))
}

// RunPeer checks calls of a plugin in x to the peer that peers returns.
func RunPeer(t *testing.T, x Target, peers func(manifest.ID) contract.Caller) {
	s := newHost().spec("")
	s.Peer = peers
	in := x.startWith(t, testplugin.ID, s)
	m := full()
	m.Renamed = testplugin.PeerID
	got, err := probe.Ask.Call(t.Context(), in, m)
	m.Text = testplugin.PeerID + ": " + m.Text
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, m)
	}
	_, err = probe.Ask.Call(t.Context(), in, probe.Message{Text: "fail", Renamed: testplugin.PeerID})
	if e := contract.AsError(err); e == nil || e.Code != contract.AlreadyExists || e.Reason != "PEER_NO" {
		t.Errorf("error of the peer: %v", err)
	}
	if _, err = probe.Ask.Call(t.Context(), in, probe.Message{Renamed: "plugstead-test/stranger"}); x.Apart && !errors.Is(err, contract.FailedPrecondition) || err == nil {
		t.Errorf("a plugin that is not required: %v", err)
	}
	if _, err = probe.Ask.Call(t.Context(), in, probe.Message{Renamed: "no id"}); err == nil {
		t.Error("a peer without id answered")
	}
	alone := x.startWith(t, testplugin.ID, newHost().spec(""))
	if _, err = probe.Ask.Call(t.Context(), alone, probe.Message{Renamed: testplugin.PeerID}); !errors.Is(err, contract.Unavailable) {
		t.Errorf("a peer that does not run: %v", err)
	}
}
