package registrytest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

var v1, v2 = version.MustParse("1.0.0"), version.MustParse("2.0.0-rc.1")

// twice makes a change two times and wants it to do something once.
func twice(t *testing.T, change func() (bool, error)) {
	t.Helper()
	for i := range 2 {
		if changed, err := change(); err != nil || changed != (i == 0) {
			t.Errorf("time %d: changed %v, %v", i+1, changed, err)
		}
	}
}

// state returns what the index says of a release of acme/hello.
func (s *Server) state(t *testing.T, v version.Version) index.State {
	t.Helper()
	r, ok := s.plugin(t, "acme/hello").Find(v)
	if !ok {
		t.Fatalf("%s is not in the index", v)
	}
	return r.State
}

func quarantine(t *testing.T, s *Server) {
	c := s.Client()
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "2.0.0-rc.1"))
	q := registry.Quarantine{ID: "acme/hello", Version: &v1, Reason: "steals keys"}
	twice(t, func() (bool, error) { return c.Quarantine(t.Context(), q) })
	if b := s.state(t, v1).Blocked; b == nil || b.Reason != "steals keys" || s.state(t, v2).Blocked != nil {
		t.Errorf("blocked %+v", b)
	}
	q.Version = nil
	twice(t, func() (bool, error) { return c.Quarantine(t.Context(), q) })
	if s.state(t, v2).Blocked == nil {
		t.Error("a release is left")
	}
	if hits := s.search(t, index.Query{Text: "hello"}); len(hits) != 0 {
		t.Errorf("search finds %v", hits)
	}
	q.Undo = true
	twice(t, func() (bool, error) { return c.Quarantine(t.Context(), q) })
	if s.state(t, v1).Blocked != nil {
		t.Error("still blocked")
	}
	q.ID = "acme/none"
	if _, err := c.Quarantine(t.Context(), q); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a plugin that is none: %v", err)
	}
}

func removal(t *testing.T, s *Server) {
	c := s.Client()
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	s.push(t, p, plugintest.Pack(t, "acme/hello", "2.0.0-rc.1"))
	set := registry.Channel{ID: "acme/hello", Name: "lts", Version: v1}
	if _, err := c.SetChannel(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	late := registry.Removal{ID: "acme/hello", Version: v1, Before: time.Now().Add(time.Hour)}
	if _, err := s.Backend.Commit(t.Context(), registry.Commit{Repo: "acme/hello", Edit: &late}); !errors.Is(err, registry.ErrTooLate) || s.state(t, v1) != (index.State{}) {
		t.Errorf("an old release: %v", err)
	}
	twice(t, func() (bool, error) {
		return c.Remove(t.Context(), registry.Removal{ID: "acme/hello", Version: v1, Reason: "has a key in it"})
	})
	got := s.state(t, v1)
	if got.Removed == nil || got.Removed.Reason != "has a key in it" || got.Blocked == nil || got.Yanked != nil {
		t.Errorf("state %+v", got)
	}
	if list := s.plugin(t, "acme/hello").Channels; len(list) != 0 {
		t.Errorf("channels %v", list)
	}
	for _, path := range []string{"/v2/acme/hello/manifests/1.0.0", "/v2/acme/hello/manifests/" + string(p.Digest)} {
		if code, _, body := s.call(t, "GET", path, ""); code != 404 {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	// Neither the same nor another artifact takes the number.
	for name, again := range map[string]*artifact.Packed{"same": p, "other": plugintest.Pack(t, "acme/hello", "1.0.0", "license: MIT")} {
		if err := put(t, s, again); !errors.Is(err, registry.ErrRemoved) && !errors.Is(err, registry.ErrBound) {
			t.Errorf("%s is published again: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"yank":    second(c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: v1, Undo: true})),
		"channel": second(c.SetChannel(t.Context(), set)),
		"free":    second(c.Quarantine(t.Context(), registry.Quarantine{ID: "acme/hello", Version: &v1, Undo: true})),
	} {
		if !errors.Is(err, registry.ErrRemoved) {
			t.Errorf("%s of what is gone: %v", name, err)
		}
	}
	if _, err := c.Quarantine(t.Context(), registry.Quarantine{ID: "acme/hello", Undo: true}); err != nil || !reflect.DeepEqual(s.state(t, v1), got) {
		t.Errorf("the state became %+v, %v", s.state(t, v1), err)
	}
}

func second(_ bool, err error) error { return err }

func deprecation(t *testing.T, s *Server) {
	c := s.Client()
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"))
	d := registry.Deprecation{ID: "acme/hello", Deprecation: index.Deprecation{Message: "use “hi” <b>", Replacement: "acme/hi"}}
	twice(t, func() (bool, error) { return c.Deprecate(t.Context(), d) })
	s.push(t, plugintest.Pack(t, "acme/hello", "1.1.0")) // a publication does not forget it
	if got := s.plugin(t, "acme/hello").Deprecated; got == nil || *got != d.Deprecation {
		t.Errorf("deprecated %+v", got)
	}
	for name, bad := range map[string]index.Deprecation{
		"itself": {Replacement: "acme/hello"}, "no name": {Replacement: "../etc"}, "two lines": {Message: "a\nb"}, "long": {Message: strings.Repeat("x", 201)},
	} {
		if code := s.refusal(t, second(c.Deprecate(t.Context(), registry.Deprecation{ID: "acme/hello", Deprecation: bad}))); code != registry.CodeQueryInvalid {
			t.Errorf("%s: %s", name, code)
		}
	}
	d.Undo = true
	twice(t, func() (bool, error) { return c.Deprecate(t.Context(), d) })
	if got := s.plugin(t, "acme/hello").Deprecated; got != nil {
		t.Errorf("still deprecated: %+v", got)
	}
	if code, _, _ := s.call(t, "PUT", "/api/v1/plugins/acme/hello/deprecation", `{"massage":"x"}`); code != 400 {
		t.Errorf("an unknown key: %d", code)
	}
}

// refusal returns the code of an error of a registry.
func (s *Server) refusal(t *testing.T, err error) registry.Code {
	t.Helper()
	if e, ok := errors.AsType[*registry.Error](err); ok {
		return e.Code
	}
	t.Errorf("no refusal: %v", err)
	return ""
}

func channels(t *testing.T, s *Server) {
	c := s.Client()
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "2.0.0-rc.1"))
	x := registry.Channel{ID: "acme/hello", Name: "next", Version: v1}
	twice(t, func() (bool, error) { return c.SetChannel(t.Context(), x) })
	x.Version = v2
	twice(t, func() (bool, error) { return c.SetChannel(t.Context(), x) })
	lts := registry.Channel{ID: "acme/hello", Name: "lts", Version: v1}
	twice(t, func() (bool, error) { return c.SetChannel(t.Context(), lts) })
	s.push(t, plugintest.Pack(t, "acme/hello", "3.0.0")) // a publication does not forget them
	p := s.plugin(t, "acme/hello")
	if r, ok := p.Channel("next"); !ok || r.Version != v2 || len(p.Channels) != 2 || p.Channels[0].Name != "lts" {
		t.Errorf("channels %+v", p.Channels)
	}
	for _, bad := range []string{"latest", "x", "Beta", "-beta", "be--ta", "1.0", strings.Repeat("x", 33)} {
		if code := s.refusal(t, second(c.SetChannel(t.Context(), registry.Channel{ID: "acme/hello", Name: bad, Version: v1}))); code != registry.CodeQueryInvalid {
			t.Errorf("%q: %s", bad, code)
		}
	}
	if _, err := c.SetChannel(t.Context(), registry.Channel{ID: "acme/hello", Name: "none", Version: version.MustParse("9.0.0")}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a version that is none: %v", err)
	}
	s.yankOnly(t, "acme/hello")
	if _, err := c.SetChannel(t.Context(), registry.Channel{ID: "acme/hello", Name: "bad", Version: v1}); !errors.Is(err, registry.ErrState) {
		t.Errorf("a withdrawn version: %v", err)
	}
	x.Undo = true
	twice(t, func() (bool, error) { return c.SetChannel(t.Context(), x) })
	if list := s.plugin(t, "acme/hello").Channels; len(list) != 1 || list[0].Name != "lts" {
		t.Errorf("channels %+v", list)
	}
}
