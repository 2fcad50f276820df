package sdktest

import (
	"testing"

	"github.com/plugstead/plugstead/contract"
)

// Suite holds implementations of an extension point to what its owner promises. The owner
// writes it once, in a package beside the point, and authors run it:
//
//	// package greeter/greetertest
//	var Suite = sdktest.Suite{Point: greeter.Point, Cases: []sdktest.Case{
//		{Name: "Empty", Run: func(t *testing.T, p contract.Caller) { … }},
//	}}
//
//	// in a test of a plugin
//	greetertest.Suite.Run(t, sdktest.Linked("acme/hello"))
//
// Package load/runtimetest has implementations that run apart from the test: as a process
// and as WebAssembly.
type Suite struct {
	Point *contract.Point
	// Options says what a plugin gets in cases that do not say it themselves. Nil: nothing.
	Options func(t testing.TB) Options
	Cases   []Case // besides the one that every method which is not optional can be called
}

// Case is one promise. Every case gets a plugin that was started for it.
type Case struct {
	Name string
	// Options says what the plugin gets. Nil: what Options of the suite says.
	Options func(t testing.TB) Options
	// Run checks the promise. Optional methods are there if p.Offers them.
	Run func(t *testing.T, p contract.Caller)
}

// Implementation is a plugin in one of the ways in which it can run.
type Implementation struct {
	Name string // of the subtests, for example "acme/hello as wasm"
	// Start starts the plugin and stops it when the test ends. Whatever is wrong ends the
	// test.
	Start func(t testing.TB, o Options) contract.Caller
}

// Linked is the plugin id, registered by a package that the test imports.
func Linked(id string) Implementation {
	return Implementation{Name: id + " linked", Start: func(t testing.TB, o Options) contract.Caller {
		t.Helper()
		return Start(t, id, o)
	}}
}

// Run runs every case with every implementation, as subtests.
func (s Suite) Run(t *testing.T, of ...Implementation) {
	t.Helper()
	if len(of) == 0 {
		t.Fatalf("no implementation of %s to check", s.Point)
	}
	for _, im := range of {
		t.Run(im.Name, func(t *testing.T) {
			t.Run("Methods", func(t *testing.T) { s.methods(t, im.Start(t, s.options(t, Case{}))) })
			for _, c := range s.Cases {
				t.Run(c.Name, func(t *testing.T) { c.Run(t, im.Start(t, s.options(t, c))) })
			}
		})
	}
}

// options returns what the plugin gets in a case.
func (s Suite) options(t testing.TB, c Case) Options {
	switch {
	case c.Options != nil:
		return c.Options(t)
	case s.Options != nil:
		return s.Options(t)
	}
	return Options{}
}

// methods checks that what is required is there.
func (s Suite) methods(t testing.TB, p contract.Caller) {
	some := false
	for _, m := range s.Point.Methods() {
		some = some || p.Offers(m)
		if !m.Optional && !p.Offers(m) {
			t.Errorf("%s cannot be called", m.Path())
		}
	}
	if !some {
		t.Errorf("nothing of %s can be called", s.Point)
	}
}
