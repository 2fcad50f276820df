package inproc_test

import (
	"context"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/sdk"
)

var (
	carelessPoint = contract.Define("plugstead.test/careless", 1, 0)
	changeOne     = contract.Unary[probe.Tock, probe.Tock](carelessPoint, "ChangeOne")
	changeAll     = contract.BidiStream[probe.Tock, probe.Tock](carelessPoint, "ChangeAll")
	keepPoint     = contract.Define("plugstead.test/keep", 1, 0)
	keep          = contract.Unary[probe.Tock, probe.Tock](keepPoint, "Keep")
)

// careless changes what it is given, and what it has given away.
var careless []byte

func init() {
	one := func(ctx context.Context, in probe.Tock) (probe.Tock, error) {
		if careless != nil {
			careless[0] = 'X'
		}
		in.Data[0] = 'X'
		out, err := keep.Call(ctx, sdk.From(ctx).Host, in)
		careless = out.Data
		return out, err
	}
	all := func(_ context.Context, d *contract.Duplex[probe.Tock, probe.Tock]) error {
		for in, err := range d.All() {
			if err != nil {
				return err
			}
			in.Data[0] = 'X'
			if err := d.Send(in); err != nil {
				return err
			}
			in.Data[1] = 'X'
		}
		return nil
	}
	sdk.Register("plugstead-test/careless", changeOne.Handle(one), changeAll.Handle(all))
}

// TestCopy: what a plugin does to its messages stays with it, or does not.
func TestCopy(t *testing.T) {
	for copies, want := range map[bool][]string{false: {"Xb", "Xb", "XX", "XX"}, true: {"ab", "Xb", "ab", "Xb"}} {
		careless = nil
		var seen []byte // by the host's service, which keeps it
		service := keep.Handle(func(_ context.Context, m probe.Tock) (probe.Tock, error) {
			seen = m.Data
			return m, nil
		})
		in, err := inproc.Driver{Copy: copies}.Start(t.Context(), image("plugstead-test/careless"), load.Spec{Host: []contract.Handler{service}})
		if err != nil {
			t.Fatal(err)
		}
		sent := []byte("ab")
		got, err := changeOne.Call(t.Context(), in, probe.Tock{Data: sent})
		if err != nil || len(got.Data) == 0 || len(seen) == 0 {
			t.Fatal(got, err)
		}
		if shared := &seen[0] == &sent[0] || &got.Data[0] == &seen[0]; shared == copies {
			t.Errorf("copies %v, and memory is shared: %v", copies, shared)
		}
		streamed := []byte("ab")
		d, err := changeAll.Call(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Send(probe.Tock{Data: streamed}); err != nil {
			t.Fatal(err)
		}
		back, err := d.Recv()
		if err != nil {
			t.Fatal(err)
		}
		d.CloseSend()
		if _, err := d.Recv(); err == nil {
			t.Fatal("the stream goes on")
		} // the plugin has done its worst
		result := []string{string(sent), string(got.Data), string(streamed), string(back.Data)}
		if !slices.Equal(result, want) {
			t.Errorf("copies %v: %q, want %q", copies, result, want)
		}
		in.Close()
	}
}

// TestCopyNotDirect: a plugin that could be called directly is not, if messages are copied.
func TestCopyNotDirect(t *testing.T) {
	for copies, want := range map[bool]bool{false: true, true: false} {
		in, err := inproc.Driver{Copy: copies}.Start(t.Context(), image(manifest.ID("plugstead-test/probe")), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		h, done := in.(contract.Direct).Direct(probe.Tick.Method)
		if (h != nil) != want {
			t.Errorf("copies %v: direct %v", copies, h != nil)
		}
		if h != nil {
			done.Release(false)
		}
		in.Close()
	}
}
