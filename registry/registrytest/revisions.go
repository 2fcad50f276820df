package registrytest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

// revisions: every change of a document brings a new one, nothing else does, and the
// answers about documents carry it.
func revisions(t *testing.T, s *Server) {
	seen := map[string]string{}
	now := func(why string) string {
		t.Helper()
		code, h, body := s.call(t, "GET", registry.RouteRevision, "")
		var x struct{ Revision string }
		if err := json.Unmarshal([]byte(body), &x); code != 200 || err != nil || registry.CheckRevision(x.Revision) != nil {
			t.Fatalf("%s: %d %s %v", why, code, body, err)
		}
		if cc := h.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("a cache may keep it: %q", cc)
		}
		for _, id := range []string{"acme/hello", "acme/nobody"} {
			for _, tag := range []string{`"x"`, "*"} {
				if code, h, _ := s.call(t, "GET", "/index/v1/"+id, "", "If-None-Match", tag); h.Get(registry.HeaderRevision) != x.Revision {
					t.Errorf("%s: %d with revision %q, want %q", id, code, h.Get(registry.HeaderRevision), x.Revision)
				}
			}
		}
		return x.Revision
	}
	changed := func(why string) {
		t.Helper()
		r := now(why)
		if before, ok := seen[r]; ok {
			t.Fatalf("%s: the revision is that of %q", why, before)
		}
		seen[r] = why
	}
	changed("empty")
	hello := plugintest.Pack(t, "acme/hello", "1.0.0")
	s.push(t, hello)
	changed("published")
	last := now("published")
	s.push(t, hello)
	if r := now("published again"); r != last {
		t.Errorf("nothing changed, but the revision did: %s, then %s", last, r)
	}
	s.push(t, plugintest.Pack(t, "acme/other", "1.0.0"))
	changed("another plugin")
	c := s.Client()
	y := registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0"), Reason: "bad"}
	for _, undo := range []bool{false, true} {
		y.Undo = undo
		if ok, err := c.Yank(t.Context(), y); err != nil || !ok {
			t.Fatal(ok, err)
		}
		changed(fmt.Sprintf("yank, undo %v", undo)) // never back to one that was
	}
}
