package loadtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
)

// streaming runs f for runtimes that carry streams, and for others makes sure that they
// say so.
func streaming(t *testing.T, x Target, f func(h *host, in load.Instance)) {
	h := newHost()
	s := h.spec("")
	s.Peer = x.peers(t)
	in := x.startWith(t, testplugin.ID, s)
	if x.Streams {
		f(h, in)
		return
	}
	if in.Offers(probe.Count.Method) {
		t.Error("streams are offered")
	}
	for _, err := range probe.Count.Call(t.Context(), in, probe.Number{N: 3}) {
		if !errors.Is(err, contract.Unimplemented) {
			t.Error(err)
		}
	}
}

// numbers collects a stream.
func numbers(in iter.Seq2[probe.Number, error]) (out []int, err error) {
	for n, err := range in {
		if err != nil {
			return out, err
		}
		out = append(out, n.N)
	}
	return out, nil
}

func upTo(n int) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		for i := range n {
			if !yield(probe.Number{N: i}, nil) {
				return
			}
		}
	}
}

func testStreams(t *testing.T, x Target) {
	streaming(t, x, func(_ *host, in load.Instance) {
		got, err := numbers(probe.Count.Call(t.Context(), in, probe.Number{N: 20_000}))
		if err != nil || len(got) != 20_000 || !slices.IsSorted(got) {
			t.Errorf("%d numbers, %v", len(got), err)
		}
		sum, err := probe.Sum.Call(t.Context(), in, upTo(20_000))
		if err != nil || sum.N != 199_990_000 {
			t.Error(sum, err)
		}
		d, err := probe.Double.Call(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := range 3 {
			if err := d.Send(probe.Number{N: i}); err != nil {
				t.Fatal(err)
			}
			if n, err := d.Recv(); err != nil || n.N != 2*i {
				t.Error(n, err)
			}
		}
		d.CloseSend()
		if _, err := d.Recv(); err != io.EOF {
			t.Error(err)
		}
		if err := d.Send(probe.Number{}); err == nil {
			t.Error("a message after the end was taken")
		}
		if _, err := in.Stream(t.Context(), probe.Echo.Method); !errors.Is(err, contract.Unimplemented) && !errors.Is(err, contract.FailedPrecondition) {
			t.Errorf("a stream of a method that is none: %v", err)
		}
	})
}

func testStreamErrors(t *testing.T, x Target) {
	streaming(t, x, func(_ *host, in load.Instance) {
		got, err := numbers(probe.Count.Call(t.Context(), in, probe.Number{N: probe.FailAt3}))
		if e := contract.AsError(err); len(got) != 3 || e == nil || e.Code != contract.NotFound || e.Reason != "NO_THREE" {
			t.Error(got, err)
		}
		got, err = numbers(probe.Count.Call(t.Context(), in, probe.Number{N: probe.PanicAt3}))
		if e := contract.AsError(err); len(got) != 3 || e == nil || e.Code != contract.Internal || e.Reason != contract.ReasonPanic {
			t.Error(got, err)
		}
		broken := func(yield func(probe.Number, error) bool) {
			if yield(probe.Number{N: 1}, nil) {
				yield(probe.Number{}, io.ErrNoProgress)
			}
		}
		if _, err := probe.Sum.Call(t.Context(), in, broken); !errors.Is(err, io.ErrNoProgress) {
			t.Error(err)
		}
		if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil {
			t.Error(err)
		}
	})
}

// testStreamEnds: whoever does not want to go on ends the handler too, so that a stop
// waits for nobody.
func testStreamEnds(t *testing.T, x Target) {
	streaming(t, x, func(_ *host, in load.Instance) {
		for n, err := range probe.Count.Call(t.Context(), in, probe.Number{N: probe.Endless}) {
			if err != nil {
				t.Fatal(err)
			}
			if n.N == 1000 {
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		for n, err := range probe.Count.Call(ctx, in, probe.Number{N: probe.Endless}) {
			if err != nil && !errors.Is(err, contract.Canceled) {
				t.Error(err)
			}
			if n.N == 10 {
				cancel()
			}
		}
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := numbers(probe.Count.Call(short, in, probe.Number{N: probe.StandsNow})); !errors.Is(err, contract.DeadlineExceeded) {
			t.Error(err)
		}
		<-short.Done() // the plugin may see its deadline first
		if _, err := in.Stream(short, probe.Count.Method); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("over before: %v", err)
		}
		abandoned, err := in.Stream(t.Context(), probe.Count.Method)
		if err != nil {
			t.Fatal(err)
		}
		abandoned.Close()
		abandoned.Close()
		if err := in.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := in.Stream(t.Context(), probe.Count.Method); !errors.Is(err, contract.Unavailable) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

// testStreamFlow sends far more than the window in both directions, with a reader that
// stands still first.
func testStreamFlow(t *testing.T, x Target) {
	streaming(t, x, func(_ *host, in load.Instance) {
		d, err := probe.Blobs.Call(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		const count = 60
		blob := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
		var sent sync.WaitGroup
		sent.Go(func() {
			for i := range count {
				if err := d.Send(probe.Tock{Data: blob[:len(blob)-i]}); err != nil {
					t.Error(i, err)
				}
			}
			d.CloseSend()
		})
		if _, err := probe.Echo.Call(t.Context(), in, probe.Message{}); err != nil { // a full stream holds nobody up
			t.Error(err)
		}
		for i := range count {
			b, err := d.Recv()
			if err != nil || !bytes.Equal(b.Data, blob[:len(blob)-i]) {
				t.Fatal(i, len(b.Data), err)
			}
		}
		sent.Wait()
		if _, err := d.Recv(); err != io.EOF {
			t.Error(err)
		}
		one, err := probe.Blobs.Call(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		big := make([]byte, 3<<20)
		if err := one.Send(probe.Tock{Data: big}); err != nil {
			t.Error(err)
		}
		if b, err := one.Recv(); err != nil || len(b.Data) != len(big) {
			t.Error(len(b.Data), err)
		}
	})
}

// testStreamsOutward: a plugin streams from and to its host and another plugin.
func testStreamsOutward(t *testing.T, x Target) {
	streaming(t, x, func(h *host, in load.Instance) {
		for from, want := range map[string][]int{"host": {0, 1, 2, 3}, "total": {6}, "peer": {0, 2, 4, 6}} {
			got, err := numbers(probe.Pull.Call(t.Context(), in, probe.Pulling{From: from, N: 4}))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v", from, got, err)
			}
			got, err = numbers(probe.Pull.Call(t.Context(), in, probe.Pulling{From: from, N: 5000}))
			if err != nil || len(got) != 5000 && from != "total" {
				t.Errorf("%s: %d numbers, %v", from, len(got), err)
			}
		}
		h.await(func() bool { return slices.Contains(h.callers, manifest.ID(testplugin.ID)) })
		for range probe.Pull.Call(t.Context(), in, probe.Pulling{From: "peer", N: math.MaxInt32}) {
			break
		}
		for range probe.Pull.Call(t.Context(), in, probe.Pulling{From: "host", N: math.MaxInt32}) {
			break
		}
		h.awaitNote("feed ended")
	})
}

// testStreamCrash: a plugin that goes away ends its streams.
func testStreamCrash(t *testing.T, x Target) {
	if !x.Apart {
		return
	}
	streaming(t, x, func(_ *host, in load.Instance) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, err := numbers(probe.Count.Call(t.Context(), in, probe.Number{N: probe.StandsNow}))
				if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable {
					t.Error(err)
				}
			})
		}
		d, err := probe.Double.Call(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		_, _ = probe.Fail.Call(t.Context(), in, probe.Failure{How: "exit"})
		if _, err := d.Recv(); contract.AsError(err).Reason != contract.ReasonCrashed {
			t.Error(err)
		}
		wg.Wait()
		<-in.Done()
	})
}
