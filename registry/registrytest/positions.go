package registrytest

import (
	"strconv"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

func last(list []manifest.ID) manifest.ID {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// yankOnly withdraws version 1.0.0 of a plugin.
func (s *Server) yankOnly(t *testing.T, id manifest.ID) {
	t.Helper()
	if _, err := s.Client().Yank(t.Context(), registry.Yank{ID: id, Version: version.MustParse("1.0.0")}); err != nil {
		t.Fatal(err)
	}
}

// positions: who knows the position of a change can wait until it can be read.
func positions(t *testing.T, s *Server) {
	before, err := s.Backend.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.push(t, plugintest.Pack(t, "acme/hello", "1.0.0"))
	after, err := s.Backend.Position(t.Context())
	if err != nil || after <= before {
		t.Fatalf("position %d, then %d, %v", before, after, err)
	}
	path := registry.RouteRevision + "?position="
	if code, _, body := s.call(t, "GET", path+strconv.FormatInt(after, 10), ""); code != 200 {
		t.Errorf("a change that is here: %d %s", code, body)
	}
	for _, bad := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		if code, _, _ := s.call(t, "GET", path+bad, ""); code != 400 {
			t.Errorf("position %q: %d", bad, code)
		}
	}
	answer := make(chan int)
	go func() {
		code, _, _ := s.call(t, "GET", path+strconv.FormatInt(after+1, 10), "")
		answer <- code
	}()
	s.yankOnly(t, "acme/hello")
	if code := <-answer; code != 200 {
		t.Errorf("a change that comes: %d", code)
	}
}
