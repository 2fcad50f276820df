package index_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/version"
)

func record(v string, change ...func(*index.Record)) index.Record {
	r := index.Record{Facts: artifact.Facts{ID: "acme/hello", Version: version.MustParse(v)}, Digest: artifact.DigestOf([]byte(v)), Size: 1, Packages: []index.Package{}}
	for _, f := range change {
		f(&r)
	}
	return r
}

func plugin(t testing.TB, records ...index.Record) *index.Plugin {
	t.Helper()
	p := &index.Plugin{Header: index.Header{ID: "acme/hello"}}
	for _, rec := range records {
		r, err := index.NewRelease(rec)
		if err != nil {
			t.Fatal(err)
		}
		p.Releases = append(p.Releases, r)
	}
	return p
}

// TestLatest is what install chooses when nobody names a version.
func TestLatest(t *testing.T) {
	for versions, want := range map[string]string{
		"":                                  "",
		"1.0.0":                             "1.0.0",
		"1.10.0 1.9.0 1.2.0":                "1.10.0",
		"1.0.0 2.0.0-rc.1":                  "1.0.0",
		"2.0.0-rc.1 2.0.0-rc.10 2.0.0-rc.9": "2.0.0-rc.10",
		"!2.0.0 1.0.0":                      "1.0.0",
		"!2.0.0 !1.0.0":                     "",
		"!1.0.0 2.0.0-rc.1":                 "2.0.0-rc.1",
		"!2.0.0-rc.2 2.0.0-rc.1 !0.9.0":     "2.0.0-rc.1",
		"0.0.1 0.0.0-a":                     "0.0.1",
	} {
		p := plugin(t)
		for v := range strings.FieldsSeq(versions) {
			text, yanked := strings.CutPrefix(v, "!")
			p.Releases = append(p.Releases, plugin(t, record(text)).Releases...)
			if yanked {
				p.Releases[len(p.Releases)-1].State.Yanked = &index.Yank{}
			}
		}
		got := ""
		if r, ok := p.Latest(); ok {
			got = r.Version.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", versions, got, want)
		}
	}
}

// TestFindIsExact: build metadata and pre-releases are other versions.
func TestFindIsExact(t *testing.T) {
	p := plugin(t, record("1.0.0"), record("1.0.0-rc.1"), record("1.0.0+b"))
	for v, want := range map[string]bool{"1.0.0": true, "1.0.0-rc.1": true, "1.0.0+b": true, "1.0.0+c": false, "1.0.0-rc.2": false, "1.0.1": false} {
		if r, ok := p.Find(version.MustParse(v)); ok != want || ok && r.Version.String() != v {
			t.Errorf("%s: %v %t", v, r, ok)
		}
	}
}

// TestWriterRefusesWhatReadersRefuse: a line too long would make every version of
// the plugin unreadable, the old ones too.
func TestWriterRefusesWhatReadersRefuse(t *testing.T) {
	packages := func(n int) func(*index.Record) {
		return func(r *index.Record) {
			for i := range n {
				r.Packages = append(r.Packages, index.Package{Runtime: "process", Platform: manifest.Platform{OS: "linux", Arch: fmt.Sprint(i)}, Manifest: index.Ref{Digest: r.Digest}, Payload: index.Ref{Digest: r.Digest}})
			}
		}
	}
	refused := 0
	for n := 220; n < 320; n++ {
		p := plugin(t, record("1.0.0"), record("1.1.0", packages(n)))
		b, err := p.Bytes()
		if err != nil {
			refused++
			if !errors.Is(err, index.ErrDocument) || !strings.Contains(err.Error(), "1.1.0") {
				t.Fatalf("%d packages: %v", n, err)
			}
			continue
		}
		if refused > 0 {
			t.Fatalf("%d packages pass, fewer did not", n)
		}
		if _, err := index.Parse("acme/hello", b); err != nil {
			t.Fatalf("%d packages were written and cannot be read: %v", n, err)
		}
	}
	if refused == 0 || refused == 100 {
		t.Errorf("%d of 100 refused: the limit is elsewhere", refused)
	}
}

// TestReadersIgnoreWhatIsNewer: a registry may say more than this program knows.
func TestReadersIgnoreWhatIsNewer(t *testing.T) {
	b, err := plugin(t, record("1.0.0")).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for from, to := range map[string]string{
		`{"v":1,`:    `{"v":1,"homepage":"https://example.org","stars":{"n":[1,2]},`,
		`"s":{}`:     `"s":{"deprecated":true,"advisory":["X-1"]}`,
		`{"r":`:      `{"leaf":17,"r":`,
		`{"id":"a`:   `{"epoch":2,"id":"a`,
		`"packages"`: `"sbom":null,"packages"`,
	} {
		newer := strings.Replace(doc, from, to, 1)
		if newer == doc {
			t.Fatalf("no %s in %s", from, doc)
		}
		p, err := index.Parse("acme/hello", []byte(newer))
		if err != nil || len(p.Releases) != 1 || p.Releases[0].Version.String() != "1.0.0" {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// TestRoundTrip writes what a registry may hold and reads it back.
func TestRoundTrip(t *testing.T) {
	f := func(summary, reason string, n uint8, yanked bool) bool {
		summary, reason = strings.ToValidUTF8(summary, ""), strings.ToValidUTF8(reason, "")
		p := plugin(t)
		p.Summary = summary
		for i := range int(n % 20) {
			p.Releases = append(p.Releases, plugin(t, record(fmt.Sprintf("1.%d.0", i))).Releases...)
			if yanked && i%2 == 0 {
				p.Releases[i].State.Yanked = &index.Yank{Reason: reason}
			}
		}
		b, err := p.Bytes()
		if err != nil {
			t.Error(err)
			return false
		}
		q, err := index.Parse("acme/hello", b)
		if err != nil || q.Summary != summary || len(q.Releases) != len(p.Releases) || q.Document != artifact.DigestOf(b) {
			t.Errorf("%q: %v", b, err)
			return false
		}
		for i, r := range q.Releases {
			if y := p.Releases[i].State.Yanked; (y == nil) != (r.State.Yanked == nil) || y != nil && *y != *r.State.Yanked || !bytes.Equal(r.Raw, p.Releases[i].Raw) {
				t.Errorf("release %d: %+v", i, r)
				return false
			}
		}
		again, err := q.Bytes()
		return err == nil && bytes.Equal(again, b)
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 200}); err != nil {
		t.Error(err)
	}
}

// packages gives a record one good package for each function, which spoils it.
func packages(spoil ...func(*index.Package)) func(*index.Record) {
	return func(r *index.Record) {
		for _, f := range spoil {
			p := index.Package{Runtime: "wasm", Platform: manifest.WasmPlatform, Manifest: index.Ref{Digest: r.Digest}, Payload: index.Ref{Digest: r.Digest}}
			f(&p)
			r.Packages = append(r.Packages, p)
		}
	}
}

// TestRecordNames has records whose names are none, as a registry that lies would send
// them. A bad name that gets in is asked for, or shown.
func TestRecordNames(t *testing.T) {
	for name, f := range map[string]func(*index.Record){
		"requires":        func(r *index.Record) { r.Requires = []manifest.Need{{ID: "Acme/x"}} },
		"requires path":   func(r *index.Record) { r.Requires = []manifest.Need{{ID: "../../x"}} },
		"conflicts":       func(r *index.Record) { r.Conflicts = []manifest.Need{{ID: "x"}} },
		"point":           func(r *index.Record) { r.Provides = []manifest.PointRef{{ID: "UPPER"}} },
		"application":     func(r *index.Record) { r.Host = map[string]version.Range{"a b": {}} },
		"capability":      func(r *index.Record) { r.Capabilities = []manifest.Capability{"net:\u202e"} },
		"capability line": func(r *index.Record) { r.Capabilities = []manifest.Capability{"net:a\nb"} },
		"digest":          func(r *index.Record) { r.Digest = "sha256:0" },
		"no digest":       func(r *index.Record) { r.Digest = "" },
		"size":            func(r *index.Record) { r.Size = -1 },
		"payload":         packages(func(p *index.Package) { p.Payload.Digest = "" }),
		"manifest":        packages(func(p *index.Package) { p.Manifest.Digest = "sha256:0" }),
		"payload size":    packages(func(p *index.Package) { p.Payload.Size = -5 }),
		"other id":        func(r *index.Record) { r.ID = "acme/other" },
		"no version":      func(r *index.Record) { r.Version = version.Version{} },
	} {
		b, err := plugin(t, record("1.0.0"), record("1.1.0", f)).Bytes()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p, err := index.Parse("acme/hello", b); !errors.Is(err, index.ErrDocument) || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func TestRecordJSONIsCanonical(t *testing.T) {
	r := record("1.0.0-rc.1+b", func(r *index.Record) {
		r.Host = map[string]version.Range{"zz": version.MustParseRange("^1"), "aa": version.MustParseRange(">=1 <2")}
		r.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	})
	b, err := r.JSON()
	want := fmt.Sprintf(`{"id":"acme/hello","version":"1.0.0-rc.1+b","host":{"aa":">=1 <2","zz":"^1"},"digest":%q,"size":1,"time":"2026-01-02T03:04:05Z","packages":[]}`, r.Digest)
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s", b, err, want)
	}
	var back index.Record
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := back.JSON(); err != nil || !bytes.Equal(again, b) {
		t.Errorf("again %s, %v", again, err)
	}
	if d := r.Image(); d.Digest != r.Digest || d.MediaType != artifact.MediaIndex || d.ArtifactType != artifact.TypePlugin || d.Size != 1 {
		t.Errorf("image %+v", d)
	}
}

// faulty is a store whose listing or bytes fail.
type faulty struct {
	store.Store
	tags error
	open error
}

func (f faulty) Tags(ctx context.Context) iter.Seq2[store.Tagged, error] {
	if f.tags == nil {
		return f.Store.Tags(ctx)
	}
	return func(yield func(store.Tagged, error) bool) { yield(store.Tagged{}, f.tags) }
}

func (f faulty) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if f.open != nil {
		return nil, f.open
	}
	return f.Store.Open(ctx, d)
}

// TestFaultsOfAStore are errors with a cause, not "unknown plugin": a user would look
// for a typing mistake.
func TestFaultsOfAStore(t *testing.T) {
	s := new(mem.Store)
	plugintest.Push(t, s, plugintest.Pack(t, "acme/hello", "1.0.0"))
	broken := errors.New("disk on fire")
	for name, x := range map[string]index.OfStore{"tags": {Store: faulty{s, broken, nil}}, "bytes": {Store: faulty{s, nil, broken}}} {
		if _, err := x.Plugin(t.Context(), "acme/hello"); !errors.Is(err, broken) || errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		var last error
		hits := 0
		for _, last = range x.Search(t.Context(), index.Query{}) {
			hits++
		}
		if !errors.Is(last, broken) || hits != 1 {
			t.Errorf("%s: search: %v after %d", name, last, hits)
		}
	}
}

// TestForeignTags has a folder with things of other tools, which are no plugins.
func TestForeignTags(t *testing.T) {
	s := new(mem.Store)
	plugintest.Push(t, s, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/world", "1.0.0"))
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, artifact.MediaIndex)
	image := artifact.Describe(artifact.MediaIndex, []byte(raw))
	if err := s.Put(t.Context(), image, strings.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latest", "Library/Ubuntu", "acme/image", "localhost:5000/acme/hello"} {
		if err := s.Tag(t.Context(), name, "1.0.0", image); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for h, err := range (index.OfStore{Store: s}).Search(t.Context(), index.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(h.ID))
	}
	if strings.Join(got, " ") != "acme/hello acme/world" {
		t.Errorf("got %v", got)
	}
	if _, err := (index.OfStore{Store: s}).Plugin(t.Context(), "acme/image"); !errors.Is(err, artifact.ErrNotPlugin) {
		t.Errorf("an image as a plugin: %v", err)
	}
}

// TestSearchStops when the caller has seen enough.
func TestSearchStops(t *testing.T) {
	s := new(mem.Store)
	plugintest.Push(t, s, plugintest.Pack(t, "acme/a", "1.0.0"), plugintest.Pack(t, "acme/b", "1.0.0"))
	n := 0
	for range (index.OfStore{Store: s}).Search(t.Context(), index.Query{}) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d hits", n)
	}
	for limit, want := range map[int]int{0: 50, -3: 50, 1: 1, 200: 200, 201: 200, 1 << 30: 200} {
		if got := (index.Query{Limit: limit}).EffectiveLimit(); got != want {
			t.Errorf("limit %d: %d, want %d", limit, got, want)
		}
	}
}

// TestHeaderIsOfTheNewest: the summary in a folder is that of the version an install
// brings, whatever the order of the tags.
func TestHeaderIsOfTheNewest(t *testing.T) {
	s := new(mem.Store)
	for _, v := range []string{"1.10.0", "1.9.0", "2.0.0-rc.1"} {
		plugintest.Push(t, s, plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{
			"plugin.yaml": strings.Replace(plugintest.YAML("acme/hello", v, "keywords: [k"+strings.NewReplacer(".", "", "-", "").Replace(v)+"]"), "The acme/hello plugin", "as of "+v, 1), "m.wasm": v,
		})))
	}
	p, err := index.OfStore{Store: s}.Plugin(t.Context(), "acme/hello")
	if err != nil || p.Summary != "as of 1.10.0" || len(p.Keywords) != 1 || p.Keywords[0] != "k1100" {
		t.Errorf("%+v, %v", p, err)
	}
	if b, err := p.Bytes(); err != nil || artifact.DigestOf(b) != p.Document {
		t.Errorf("the digest is not that of the document: %v", err)
	}
	if r, ok := p.Find(version.MustParse("1.9.0")); !ok || !r.Time.IsZero() {
		t.Errorf("a folder has no clock of record: %+v", r)
	}
}
