package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/version"
)

func offering(names ...manifest.ID) func(*index.Record) {
	return func(r *index.Record) {
		for _, n := range names {
			r.Offers = append(r.Offers, offer(n, version.Version{Major: 1}))
		}
	}
}

func TestOfferedVector(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(vectors, "offered.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := index.Parse("acme/kv", b)
	if err != nil || len(p.Releases) != 0 || fmt.Sprint(p.Providers) != "[acme/memory-kv zed/redis]" {
		t.Fatalf("%+v, %v", p, err)
	}
	if again, err := p.Bytes(); err != nil || !bytes.Equal(again, b) {
		t.Errorf("written again: %s, %v", again, err)
	}
	if r, ok := p.Latest(); ok {
		t.Errorf("latest is %v", r)
	}
}

// TestOfferedLeavesOutWithdrawn: nobody can choose an offer that is yanked or unsafe.
func TestOfferedLeavesOutWithdrawn(t *testing.T) {
	p := plugin(t, record("1.0.0", offering("z/z", "a/a")), record("1.1.0", offering("b/b", "a/a")), record("1.2.0", offering("c/c")))
	p.Releases[1].State.Yanked, p.Releases[2].State.Blocked = &index.Yank{}, &index.Yank{}
	if got := fmt.Sprint(p.Offered()); got != "[a/a z/z]" {
		t.Errorf("offers %s", got)
	}
	if r, ok := p.Latest(); !ok || r.Version.String() != "1.0.0" {
		t.Errorf("latest is %v", r)
	}
}

// TestParseRefusesProviders has headers that no registry makes.
func TestParseRefusesProviders(t *testing.T) {
	var most []string
	for i := range index.MaxProviders {
		most = append(most, fmt.Sprintf("a/p%03d", i))
	}
	quote := func(list ...string) string { return `["` + strings.Join(list, `","`) + `"]` }
	for text, want := range map[string]string{
		quote("a/a", "b/b"):                 "",
		quote(most...):                      "",
		"[]":                                "",
		quote(append(most, "z/z")...):       "201 providers, more than the limit of 200",
		quote("b/b", "a/a"):                 "provider: a/a behind b/b",
		quote("a/a", "a/a"):                 "provider: a/a behind a/a",
		quote("a/a", "acme/kv"):             "provider: acme/kv itself",
		quote("a"):                          `plugin name "a"`,
		quote("a/../../b"):                  "plugin name",
		quote(`a/\u001b[31m`):               "plugin name",
		quote("A/a"):                        "plugin name",
		`"a/a"`:                             "want a list",
		`["a/a"],"Providers":["evil/evil"]`: "Providers",
	} {
		p, err := index.Parse("acme/kv", []byte(`{"v":1,"id":"acme/kv","providers":`+text+"}\n"))
		switch {
		case want == "" && err != nil:
			t.Errorf("%.60s: %v", text, err)
		case want != "" && (!errors.Is(err, index.ErrDocument) || !strings.Contains(err.Error(), want)):
			t.Errorf("%.60s: %v, %v, want %s", text, p, err, want)
		}
	}
	p := plugin(t)
	p.Providers = []manifest.ID{"b/b", "a/a"}
	if _, err := p.Bytes(); !errors.Is(err, index.ErrDocument) {
		t.Errorf("written: %v", err)
	}
	p = plugin(t)
	p.License = strings.Repeat("x", 64<<10)
	if _, err := p.Bytes(); !errors.Is(err, index.ErrDocument) {
		t.Errorf("a header that nobody reads was written: %v", err)
	}
}

// TestProvidersOf compares it with its sentences, on lists of every length.
func TestProvidersOf(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var in []manifest.ID
		for range rnd.IntN(600) {
			in = append(in, manifest.ID(fmt.Sprintf("%s/p%d", []string{"a", "acme", "acme-2", "z"}[rnd.IntN(4)], rnd.IntN(200))))
		}
		all := slices.Compact(slices.Sorted(slices.Values(in)))
		out := index.ProvidersOf("acme/kv", in)
		near := func(l []manifest.ID) (n int) {
			for _, id := range l {
				if id.Namespace() == "acme" {
					n++
				}
			}
			return n
		}
		if len(out) != min(len(all), index.MaxProviders) || !slices.IsSorted(out) || near(out) != min(near(all), index.MaxProviders) {
			t.Fatalf("%d of %d, of the namespace %d of %d", len(out), len(all), near(out), near(all))
		}
		if rest := len(out) - near(out); rest > 0 { // the first of the others
			others := slices.DeleteFunc(slices.Clone(all), func(id manifest.ID) bool { return id.Namespace() == "acme" })
			got := slices.DeleteFunc(slices.Clone(out), func(id manifest.ID) bool { return id.Namespace() == "acme" })
			if !slices.Equal(got, others[:rest]) {
				t.Fatalf("others are %v, want %v", got, others[:rest])
			}
		}
	}
}

// TestWithProviders gives the bytes that writing the whole document gives.
func TestWithProviders(t *testing.T) {
	p := plugin(t, record("1.0.0", offering("z/z")), record("1.1.0"))
	p.Summary, p.License, p.Keywords = "<a> & b", "MIT", []string{"x"}
	doc, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, providers := range [][]manifest.ID{nil, {"a/a"}, {"a/a", "b/b"}, nil} {
		p.Providers = providers
		want, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if doc, err = index.WithProviders("acme/hello", doc, providers); err != nil || !bytes.Equal(doc, want) {
			t.Errorf("%v: %v\n%s\nwant\n%s", providers, err, doc, want)
		}
	}
	none, err := index.WithProviders("acme/kv", nil, []manifest.ID{"a/a"})
	if err != nil || string(none) != `{"v":1,"id":"acme/kv","providers":["a/a"]}`+"\n" {
		t.Errorf("%s, %v", none, err)
	}
	if b, err := index.WithProviders("acme/kv", none, nil); b != nil || err != nil {
		t.Errorf("nobody left: %s, %v", b, err)
	}
	if b, err := index.WithProviders("acme/kv", nil, nil); b != nil || err != nil {
		t.Errorf("nothing: %s, %v", b, err)
	}
	full := append([]byte(`{"v":1,"id":"acme/kv"}`+"\n"), bytes.Repeat([]byte(" "), index.MaxDocument-40)...)
	for name, f := range map[string]func() ([]byte, error){
		"another plugin": func() ([]byte, error) { return index.WithProviders("acme/kv", doc, nil) },
		"no document":    func() ([]byte, error) { return index.WithProviders("acme/kv", []byte("hello\n"), nil) },
		"itself":         func() ([]byte, error) { return index.WithProviders("acme/kv", nil, []manifest.ID{"acme/kv"}) },
		"too large":      func() ([]byte, error) { return index.WithProviders("acme/kv", full, []manifest.ID{"a/a"}) },
	} {
		if b, err := f(); !errors.Is(err, index.ErrDocument) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// TestOfStoreProviders asks a folder, with and without memory, also for what was added
// after the first question.
func TestOfStoreProviders(t *testing.T) {
	s := new(mem.Store)
	plugintest.Push(t, s, plugintest.Pack(t, "acme/redis", "3.0.0", "offers: { acme/kv: 1.1.0 }"), plugintest.Pack(t, "acme/redis", "4.0.0"),
		plugintest.Pack(t, "acme/a", "1.0.0", "offers: { acme/kv: 1.1.0, acme/redis: 1.0.0 }"))
	for name, x := range map[string]index.OfStore{"plain": {Store: s}, "remembers": index.NewOfStore(s)} {
		for range 2 {
			p, err := x.Plugin(t.Context(), "acme/kv")
			if err != nil || fmt.Sprint(p.Providers) != "[acme/a acme/redis]" || len(p.Releases) != 0 || p.V != index.Version {
				t.Fatalf("%s: %+v, %v", name, p, err)
			}
			if b, err := p.Bytes(); err != nil || artifact.DigestOf(b) != p.Document {
				t.Errorf("%s: the digest is not that of the document: %v", name, err)
			}
		}
		if p, err := x.Plugin(t.Context(), "acme/redis"); err != nil || fmt.Sprint(p.Providers) != "[acme/a]" || len(p.Releases) != 2 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if _, err := x.Plugin(t.Context(), "acme/none"); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		var found []string
		for h, err := range x.Search(t.Context(), index.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, string(h.ID))
		}
		if fmt.Sprint(found) != "[acme/a acme/redis]" {
			t.Errorf("%s: found %v", name, found)
		}
	}
	x := index.NewOfStore(s)
	if _, err := x.Plugin(t.Context(), "acme/kv"); err != nil {
		t.Fatal(err)
	}
	plugintest.Push(t, s, plugintest.Pack(t, "zed/late", "1.0.0", "offers: { acme/kv: 1.1.0 }"))
	if p, err := x.Plugin(t.Context(), "acme/kv"); err != nil || len(p.Providers) != 3 {
		t.Errorf("added later: %+v, %v", p, err)
	}
}

// TestDamagedNeighbours: what is broken, or lies, in a folder offers nothing, and does not
// keep others from being found. A disk that fails does.
func TestDamagedNeighbours(t *testing.T) {
	s := new(mem.Store)
	good := plugintest.Pack(t, "acme/good", "1.0.0")
	liar := plugintest.Pack(t, "acme/liar", "1.0.0", "offers: { acme/kv: 1.1.0 }")
	plugintest.Push(t, s, good, liar)
	raw, err := artifact.ReadBlob(t.Context(), s, liar.Descriptor, artifact.MaxManifest)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), `\"1.1.0\"`, `\"9.9.9\"`, 1) // not what plugin.json says
	lie := artifact.Describe(artifact.MediaIndex, []byte(text))
	for tag, body := range map[string]string{"2.0.0": text, "3.0.0": "no JSON"} {
		d := artifact.Describe(artifact.MediaIndex, []byte(body))
		if err := errors.Join(s.Put(t.Context(), d, strings.NewReader(body)), s.Tag(t.Context(), "acme/other", tag, d)); err != nil {
			t.Fatal(err)
		}
	}
	if text == string(raw) {
		t.Fatal("nothing was changed")
	}
	p, err := index.OfStore{Store: s}.Plugin(t.Context(), "acme/kv")
	if err != nil || fmt.Sprint(p.Providers) != "[acme/liar]" {
		t.Errorf("%+v, %v", p, err)
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{"gone": {store.ErrNotFound, true}, "damaged": {artifact.ErrDigest, true}, "disk": {os.ErrDeadlineExceeded, false}} {
		p, err := index.OfStore{Store: failing{s, lie.Digest, c.err}}.Plugin(t.Context(), "acme/good")
		if (err == nil) != c.want || c.want && len(p.Releases) != 1 || !c.want && !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// failing is a store that cannot read one blob.
type failing struct {
	store.Store
	d   artifact.Digest
	err error
}

func (f failing) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if d.Digest == f.d {
		return nil, f.err
	}
	return f.Store.Open(ctx, d)
}
