package registrytest

import (
	"embed"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/version"
)

// goldenFiles is what every backend answers, and what a static tree of it has.
//
//go:embed golden
var goldenFiles embed.FS

// goldenUpdate names a folder into which the files are written anew.
const goldenUpdate = "PLUGSTEAD_UPDATE_GOLDEN"

// golden: the same history gives the same bytes, from every backend and as files.
func golden(t *testing.T, s *Server) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := httptest.NewServer(handler.New(s.Backend, handler.Options{Access: access, Now: func() time.Time {
		clock = clock.Add(time.Hour)
		return clock
	}}))
	defer srv.Close()
	s = &Server{URL: srv.URL, Backend: s.Backend, t: t}
	s.push(t,
		plugintest.Pack(t, "acme/base", "1.0.0", "license: MIT", "keywords: [base, common]"),
		plugintest.Pack(t, "acme/hello", "1.0.0", "requires: { acme/base: ^1 }"),
		plugintest.Pack(t, "acme/hello", "1.1.0", "requires: { acme/base: ^1 }", "offers: { acme/greeting: 1.0.0 }"),
		plugintest.Pack(t, "acme/hello", "2.0.0-rc.1", "requires: { acme/base: ^1 }"),
	)
	if _, err := s.Client().Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0"), Reason: "wrong \"greeting\" <b>"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir)
	tree := mirrortest.Files(t, dir)
	for name, path := range map[string]string{
		"base.jsonl": "index/v1/acme/base", "hello.jsonl": "index/v1/acme/hello", "greeting.jsonl": "index/v1/acme/greeting", "names": "index/v1/names",
	} {
		_, _, body := s.call(t, "GET", "/"+path, "")
		if to := os.Getenv(goldenUpdate); to != "" {
			if err := os.WriteFile(filepath.Join(to, name), []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := goldenFiles.ReadFile("golden/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if body != string(want) {
			t.Errorf("%s: the registry answers\n%s\nwant\n%s", name, body, want)
		}
		if file, ok := tree[path]; name != "greeting.jsonl" && (!ok || file != string(want)) {
			t.Errorf("%s: the static tree has\n%s\nwant\n%s", name, file, want)
		}
	}
}
