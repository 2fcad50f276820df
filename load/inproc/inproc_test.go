package inproc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/sdk"
)

// stuck does not look at its context when it is stopped and checked.
type stuck struct{}

var letGo chan struct{} // made by the test

func (*stuck) Stop(context.Context) error  { <-letGo; return nil }
func (*stuck) Check(context.Context) error { <-letGo; return nil }

func init() {
	sdk.RegisterType("plugstead-test/stuck", func(context.Context, *sdk.Env, sdk.None) (*stuck, error) { return &stuck{}, nil })
}

func image(id manifest.ID) load.Image {
	return load.Image{Manifest: &manifest.Manifest{ID: id}, Runtime: manifest.RuntimeInproc}
}

func TestLinked(t *testing.T) {
	got := map[manifest.ID][]manifest.PointRef{}
	for _, im := range inproc.Linked() {
		if im.Runtime != manifest.RuntimeInproc || im.Tree != "" {
			t.Errorf("%+v", im)
		}
		got[im.Manifest.ID] = im.Manifest.Provides
	}
	if p := got[testplugin.ID]; len(p) != 1 || p[0].String() != "plugstead.test/probe@1.1" {
		t.Error(p)
	}
	if p := got[testplugin.PeerID]; len(p) != 2 || p[0].String() != "plugstead.test/peer@1.0" || p[1].String() != "plugstead.test/peer@2.0" {
		t.Error(p)
	}
	if p, ok := got["plugstead-test/stuck"]; !ok || len(p) != 0 {
		t.Error(p, ok)
	}
}

func TestNotLinked(t *testing.T) {
	d := inproc.Driver{}
	_, err := d.Start(t.Context(), image("a/b"), load.Spec{})
	for _, err := range []error{err, d.Prepare(t.Context(), image("a/b"))} {
		if !errors.Is(err, contract.NotFound) {
			t.Error(err)
		}
	}
}

// TestDirect: plugins with a type are called without pointers, others through Invoke,
// because their Env travels in the context.
func TestDirect(t *testing.T) {
	for id, m := range map[manifest.ID]*contract.Method{testplugin.ID: probe.Tick.Method, testplugin.PeerID: probe.PeerEcho.Method} {
		in, err := inproc.Driver{}.Start(t.Context(), image(id), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		h, done := in.(contract.Direct).Direct(m)
		if (h != nil) != (id == testplugin.ID) {
			t.Errorf("%s: direct %v", id, h)
		}
		if h != nil {
			done.Release(false)
		}
		if err := in.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if h, _ := in.(contract.Direct).Direct(m); h != nil {
			t.Errorf("%s: direct after the stop", id)
		}
	}
	in, err := inproc.Driver{}.Start(t.Context(), image(testplugin.ID), load.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// TestStuck: a plugin that ignores its context holds up nobody.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo = make(chan struct{})
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/stuck"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Health(ctx); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("health: %v", err)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Stop(late); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		<-in.Done()
		close(letGo)
	})
}
