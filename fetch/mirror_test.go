package fetch_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/store/mem"
)

// mirrored makes one source of several lines, the first of which is the origin.
func mirrored(t *testing.T, lines ...*line) fetch.Mirrored {
	t.Helper()
	var m fetch.Mirrored
	for _, l := range lines {
		m.Sources = append(m.Sources, l.source(t))
	}
	m.Origin = m.Sources[0]
	return m
}

// dead answers every request alike.
func dead(t *testing.T, f http.HandlerFunc) fetch.Source {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.Options{Retry: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// TestMirrors has a first mirror that does not give the payload, and a second.
func TestMirrors(t *testing.T) {
	p := pack(t, "acme/a")
	for name, c := range map[string]struct {
		first, second fault // for ever
		firstRanges   string
		secondRanges  string
		want          []error // of each, if it fails
	}{
		"the first works":      {honest, honest, "", "none", nil},
		"away":                 {status(503), honest, "    ", "", nil},
		"gone":                 {status(404), honest, "", "", nil},
		"forbidden":            {status(403), honest, "", "", nil},
		"later":                {status(503, "Retry-After", "9999"), honest, "", "", nil},
		"corrupt":              {corrupts(3), honest, "", "", nil},
		"cut, continued":       {cut(1000), honest, " bytes=1000- bytes=2000- bytes=3000- bytes=4000-", "bytes=5000-", nil},
		"corrupt and cut":      {corruptsAndCuts(1000), honest, "?", "bytes=5000- ", nil},
		"continued as a whole": {cut(1000), all(honest), "?", "bytes=5000- ", nil},
		"both away":            {status(503), status(502), "?", "?", []error{client.ErrUnreachable, client.ErrUnreachable}},
		"gone and corrupt":     {status(404), corrupts(3), "?", "?", []error{registry.ErrNotFound, artifact.ErrDigest}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, inMemory := range []bool{false, true} {
				a, b := newLine(t, p), newLine(t, p)
				a.rest, b.rest = c.first, c.second
				m := mirrored(t, a, b)
				into := openStore(t)
				o := fetch.Options{Memory: 1, Retry: atOnce}
				if inMemory {
					o.Memory = 0
				}
				got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: m}, into, a.choices(t), o)
				if (err == nil) != (c.want == nil) || into.Has(a.payload) != (err == nil) {
					t.Fatalf("%v; there: %t", err, into.Has(a.payload))
				}
				if err == nil && got[0].Source != a.URL {
					t.Errorf("source %s, want the origin %s", got[0].Source, a.URL)
				}
				if err != nil {
					failed, ok := errors.AsType[fetch.MirrorsError](err)
					if !ok || len(failed) != 2 || failed[0].Source != a.URL || failed[1].Source != b.URL || !strings.Contains(err.Error(), a.URL) || !strings.Contains(err.Error(), b.URL) {
						t.Fatalf("%v", err)
					}
					for i, want := range c.want {
						if !errors.Is(failed[i].Err, want) || !errors.Is(err, want) {
							t.Errorf("mirror %d: %v, want %v", i, failed[i].Err, want)
						}
					}
				}
				for _, x := range []struct {
					l    *line
					want string
				}{{a, c.firstRanges}, {b, c.secondRanges}} {
					n := len(x.l.ranges)
					got := x.l.asked()
					if n == 0 {
						got = "none"
					}
					if x.want != "?" && got != x.want {
						t.Errorf("in memory %t: %s was asked for %q, want %q", inMemory, x.l.URL, got, x.want)
					}
				}
			}
		})
	}
}

// TestMirrorsOfMetadata reads an artifact although the first mirror has broken bytes of
// everything, by way of a fetch and by hand.
func TestMirrorsOfMetadata(t *testing.T) {
	good := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"]
	list := choices(t, good, "acme/a")
	for name, first := range map[string]http.HandlerFunc{
		"page": says(200, "<html>Welcome"), "404": says(404, ""), "503": says(503, ""), "teapot": says(418, ""),
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		m := fetch.Mirrored{Origin: good, Sources: []fetch.Source{dead(t, first), good}, Retry: atOnce}
		if _, err := fetch.Fetch(t.Context(), fetch.Sources{Default: m}, new(mem.Store), list, fetch.Options{Retry: atOnce}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		im, err := artifact.Read(t.Context(), m.Blobs("acme/a"), list[0].Release.Image())
		if err != nil || im.Manifest.ID != "acme/a" {
			t.Errorf("%s: by hand: %v", name, err)
		}
		if name == "404" {
			continue // that is an answer about documents
		}
		if p, err := m.Plugin(t.Context(), "acme/a"); name != "page" && (err != nil || len(p.Releases) != 1) {
			t.Errorf("%s: index: %v", name, err)
		}
		a, err := m.Document(t.Context(), "acme/a", "")
		if err != nil || len(a.Bytes) == 0 || !strings.HasPrefix(a.Revision, good.Identity()+" ") {
			t.Errorf("%s: document: %+v, %v", name, a, err)
		}
		hits := 0
		for h, err := range m.Search(t.Context(), index.Query{Text: "acme"}) {
			if hits++; err != nil || h.ID != "acme/a" {
				t.Errorf("%s: search: %v, %v", name, h, err)
			}
		}
		if hits != 1 {
			t.Errorf("%s: %d hits", name, hits)
		}
	}
}

// TestMirrorsAllFail names each for every kind of question.
func TestMirrorsAllFail(t *testing.T) {
	m := fetch.Mirrored{Sources: []fetch.Source{dead(t, says(503, "")), dead(t, says(418, ""))}}
	m.Origin = m.Sources[1]
	if m.Identity() != m.Sources[1].Identity() {
		t.Errorf("identity %s", m.Identity())
	}
	check := func(what string, err error) {
		t.Helper()
		failed, ok := errors.AsType[fetch.MirrorsError](err)
		if !ok || len(failed) != 2 || failed[0].Source != m.Sources[0].Identity() || !errors.Is(err, client.ErrUnreachable) || !errors.Is(err, client.ErrProtocol) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := m.Plugin(t.Context(), "acme/a")
	check("plugin", err)
	_, err = m.Document(t.Context(), "acme/a", "")
	check("document", err)
	_, err = m.Revision(t.Context())
	check("revision", err)
	for _, err := range m.Search(t.Context(), index.Query{}) {
		check("search", err)
	}
	for _, size := range []int64{1, artifact.MaxManifest + 1} {
		d := artifact.Describe("text/plain", []byte("x"))
		d.Size = size
		_, err = m.Blobs("acme/a").Open(t.Context(), d)
		check("blob", err)
	}
	if _, err := (fetch.Mirrored{Origin: m.Origin}).Plugin(t.Context(), "acme/a"); err == nil {
		t.Error("no mirrors, and no error")
	}
}

// TestMirrorsUnknown asks all mirrors for a name the first does not know. It is unknown if
// none has it; that is not remembered if one could not be asked. Nobody is asked when
// nobody wants an answer any more.
func TestMirrorsUnknown(t *testing.T) {
	asked := 0
	away := dead(t, func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(500) })
	empty, full := registrytest.New(t).ClientWith(""), sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"]
	for name, c := range map[string]struct {
		list           []fetch.Source
		known, revised bool
	}{
		"one":              {[]fetch.Source{empty}, false, true},
		"none of two":      {[]fetch.Source{empty, empty}, false, true},
		"the second":       {[]fetch.Source{empty, full}, true, true},
		"one cannot":       {[]fetch.Source{empty, away}, false, false},
		"the other cannot": {[]fetch.Source{away, empty}, false, false},
		"the third":        {[]fetch.Source{empty, away, full}, true, true},
	} {
		m := fetch.Mirrored{Origin: full, Sources: c.list}
		a, err := m.Document(t.Context(), "acme/a", "")
		if (err == nil) != c.known || err != nil && !errors.Is(err, index.ErrNotFound) || (a.Revision != "") != c.revised {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if _, err := m.Plugin(t.Context(), "acme/a"); (err == nil) != c.known || err != nil && !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked = 0
	m := fetch.Mirrored{Origin: away, Sources: []fetch.Source{empty, away}}
	if _, err := m.Plugin(ctx, "acme/a"); !errors.Is(err, context.Canceled) || asked != 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// told records the tags that are sent.
type told struct {
	fetch.Remote
	name string
	tags []string
	fail error
}

func (r *told) Identity() string { return r.name }

func (r *told) Document(ctx context.Context, id manifest.ID, tag string) (fetch.Answer, error) {
	r.tags = append(r.tags, tag)
	if r.fail != nil {
		return fetch.Answer{}, r.fail
	}
	return r.Remote.Document(ctx, id, tag)
}

// TestTagsOfMirrors are sent only to the mirror that gave them: two registries may mean
// two documents by one tag.
func TestTagsOfMirrors(t *testing.T) {
	good := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))["registry"].(fetch.Remote)
	a, b := &told{Remote: good, name: "a"}, &told{Remote: good, name: "b"}
	m := fetch.Mirrored{Origin: a, Sources: []fetch.Source{a, b}}
	first, err := m.Document(t.Context(), "acme/a", "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.Document(t.Context(), "acme/a", first.Tag); err != nil || !again.Unchanged || again.Tag != first.Tag || again.Revision != first.Revision {
		t.Errorf("%+v, %v", again, err)
	}
	a.fail = errors.New("away")
	other, err := m.Document(t.Context(), "acme/a", first.Tag)
	if err != nil || other.Unchanged || other.Tag == first.Tag || other.Revision == first.Revision {
		t.Errorf("of another mirror: %+v, %v", other, err)
	}
	if a.tags[0] != "" || a.tags[1] == "" || strings.Contains(a.tags[1], " ") || len(b.tags) != 1 || b.tags[0] != "" {
		t.Errorf("sent %q and %q", a.tags, b.tags)
	}
	if now, err := m.Revision(t.Context()); err != nil || now != first.Revision {
		t.Errorf("revision %q, %v; want %q", now, err, first.Revision)
	}
}

// TestFolderAsMirror stands in for a registry that is away.
func TestFolderAsMirror(t *testing.T) {
	all := sources(t, plugintest.Pack(t, "acme/a", "1.0.0"))
	away := dead(t, says(503, ""))
	m := fetch.Mirrored{Origin: away, Sources: []fetch.Source{away, all["folder"]}}
	x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: m}, fetch.IndexOptions{Cache: filepath.Join(t.TempDir(), "cache")})
	defer x.Close()
	p, err := x.Plugin(t.Context(), "acme/a")
	if err != nil || len(p.Releases) != 1 {
		t.Fatal(err)
	}
	got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: m}, openStore(t), choices(t, m, "acme/a"), fetch.Options{Memory: 1, Retry: atOnce})
	if err != nil || got[0].Source != away.Identity() {
		t.Errorf("%+v, %v", got, err)
	}
}
