package index_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/version"
)

const vectors = "../docs/spec/testdata/index"

func document(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, "hello.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDocumentVector(t *testing.T) {
	b := document(t)
	p, err := index.Parse("acme/hello", b)
	if err != nil {
		t.Fatal(err)
	}
	if p.Summary != "Says hello" || len(p.Releases) != 3 || p.Document != artifact.DigestOf(b) {
		t.Fatalf("got %+v", p)
	}
	if r, ok := p.Latest(); !ok || r.Version.String() != "1.0.0" {
		t.Fatalf("latest %v", r)
	}
	if r, ok := p.Find(version.MustParse("1.1.0")); !ok || r.State.Yanked.Reason != "eats files" || len(r.Packages) != 1 {
		t.Fatalf("got %+v", r)
	}
	again, err := p.Bytes()
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("written again:\n%s\n%v", again, err)
	}
}

func TestRecordBytesAreKept(t *testing.T) {
	odd := strings.Replace(string(document(t)), `{"r":{"id":"acme/hello","version":"1.0.0"`, `{"r":{"future": "<&>",  "id":"acme/hello","version":"1.0.0"`, 1)
	p, err := index.Parse("acme/hello", []byte(odd))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.Bytes(); err != nil || string(b) != odd {
		t.Fatalf("%s\n%v", b, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(document(t))
	header, rest, _ := strings.Cut(good, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("vector has no %q", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, bad := range map[string]string{
		"empty":             "",
		"truncated":         good[:len(good)-20],
		"no line break":     strings.TrimSuffix(good, "\n"),
		"other plugin":      swap(`"id":"acme/hello"`, `"id":"acme/other"`),
		"other record":      header + "\n" + strings.Replace(line, `"id":"acme/hello"`, `"id":"acme/other"`, 1) + "\n",
		"newer format":      swap(`"v":1`, `"v":2`),
		"repeated key":      swap(`"version":"1.0.0"`, `"version":"1.0.0","version":"2.0.0"`),
		"case variant":      swap(`"version":"1.0.0"`, `"version":"1.0.0","Version":"2.0.0"`),
		"case variant of r": swap(`{"r":`, `{"R":{},"r":`),
		"version twice":     header + "\n" + line + "\n" + line + "\n",
		"bad digest":        swap(`"digest":"sha256:`, `"digest":"sha256:zz`),
		"negative size":     swap(`"size":`, `"size":-`),
		"bad version":       swap(`"version":"1.0.0"`, `"version":"1.0"`),
		"needs a path":      swap(`"id":"acme/base"`, `"id":"acme/../x"`),
		"conflict in red":   swap(`"digest":"sha256:`, `"conflicts":[{"id":"acme/\u001b[31m","range":"*"}],"digest":"sha256:`),
		"point in red":      swap(`"provides":[{"id":"`, `"provides":[{"id":"\u001b[31m`),
		"host in red":       swap(`"host":{"`, `"host":{"\u001b[31m`),
		"asks in two lines": swap(`"digest":"sha256:`, `"capabilities":["net:x:1\nasks nothing"],"digest":"sha256:`),
		"no record":         header + "\n{\"s\":{}}\n",
		"no JSON":           header + "\nhello\n",
		"two values a line": header + "\n" + line + line + "\n",
		"huge line":         header + "\n" + strings.Repeat(" ", 65<<10) + line + "\n",
		"huge":              header + "\n" + strings.Repeat(" \n", index.MaxDocument/2),
		"too many releases": header + "\n" + many(index.MaxReleases+1),
		"release as header": line + "\n",
	} {
		if _, err := index.Parse("acme/hello", []byte(bad)); !errors.Is(err, index.ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	d := artifact.DigestOf(nil)
	for i := range n {
		fmt.Fprintf(&b, "{\"r\":{\"id\":\"acme/hello\",\"version\":\"1.0.%d\",\"digest\":%q,\"size\":1,\"packages\":[]},\"s\":{}}\n", i, d)
	}
	return b.String()
}

func TestBytesHasLimits(t *testing.T) {
	p, err := index.Parse("acme/hello", []byte("{\"v\":1,\"id\":\"acme/hello\"}\n"+many(index.MaxReleases)))
	if err != nil {
		t.Fatal(err)
	}
	p.Releases = append(p.Releases, p.Releases[0])
	if _, err := p.Bytes(); !errors.Is(err, index.ErrDocument) {
		t.Fatal(err)
	}
}

func TestOfStore(t *testing.T) {
	s := new(mem.Store)
	plugintest.Push(t, s, plugintest.Pack(t, "acme/hello", "1.0.0"), plugintest.Pack(t, "acme/hello", "1.10.0"), plugintest.Pack(t, "acme/hello", "1.2.0", "keywords: [friendly]"),
		plugintest.Pack(t, "other/thing", "0.1.0"))
	x := index.OfStore{Store: s}
	p, err := x.Plugin(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) != 3 || p.Releases[2].Version.String() != "1.10.0" || len(p.Releases[0].Packages) != 1 {
		t.Fatalf("got %+v", p)
	}
	if _, err := x.Plugin(t.Context(), "acme/none"); !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
	for q, want := range map[index.Query]string{
		{}:                          "acme/hello 1.10.0, other/thing 0.1.0",
		{Text: "HELLO"}:             "acme/hello 1.10.0",
		{Text: "hello thing"}:       "",
		{Point: "acme.dev/greeter"}: "acme/hello 1.10.0, other/thing 0.1.0",
		{Point: "acme.dev/x"}:       "",
		{Runtime: "process"}:        "",
		{Runtime: "wasm", Limit: 1}: "acme/hello 1.10.0",
	} {
		var got []string
		for h, err := range x.Search(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s", h.ID, h.Version))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%+v: got %q, want %q", q, s, want)
		}
	}
}

func TestOfStoreWrongTag(t *testing.T) {
	s := new(mem.Store)
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s, p)
	if err := s.Tag(t.Context(), "acme/hello", "2.0.0", p.Descriptor); err != nil {
		t.Fatal(err)
	}
	if _, err := (index.OfStore{Store: s}).Plugin(t.Context(), "acme/hello"); err == nil || !strings.Contains(err.Error(), "2.0.0 names acme/hello 1.0.0") {
		t.Fatal(err)
	}
	if artifact.TagOf(version.MustParse("1.0.0+a.b")) != "1.0.0_a.b" {
		t.Fatal("tag of build metadata")
	}
}

func TestRecordTime(t *testing.T) {
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	r, err := index.RecordOf(t.Context(), p, &p.Image, time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.JSON()
	if err != nil || !strings.Contains(string(b), `"time":"2026-01-02T02:04:05Z"`) {
		t.Fatalf("%s, %v", b, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range records {
		if b, err := plugin(f, record("1.0.0", c.f)).Bytes(); err == nil {
			f.Add(b)
		}
	}
	f.Add(document(f))
	f.Add([]byte("{\"v\":1,\"id\":\"acme/hello\"}\n"))
	f.Add([]byte("{\"v\":1,\"id\":\"acme/hello\",\"providers\":[\"a/a\",\"b/b\"]}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := index.Parse("acme/hello", b)
		if err != nil {
			return
		}
		again, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		q, err := index.Parse("acme/hello", again)
		if err != nil || len(q.Releases) != len(p.Releases) {
			t.Fatalf("%s\n%v", again, err)
		}
	})
}
