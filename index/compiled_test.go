package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// roundTrip compiles what Parse made of doc and reads it again: what comes is the same without
// the records.
func roundTrip(t *testing.T, shared *Ranges, p *Plugin, doc []byte) []byte {
	t.Helper()
	compiled, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadCompiled(compiled, shared)
	if err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	if want := withoutRecords(p); !reflect.DeepEqual(again, want) {
		t.Fatalf("%s\ngot  %#v\nwant %#v", doc, again, want)
	}
	if _, err := again.Bytes(); (err == nil) != (len(p.Releases) == 0) {
		t.Fatalf("written without its records: %v", err)
	}
	return compiled
}

// withoutRecords returns p as it comes out of the compiled form.
func withoutRecords(p *Plugin) *Plugin {
	q := *p
	q.Releases = slices.Clone(p.Releases)
	for i := range q.Releases {
		q.Releases[i].Raw = nil
	}
	return &q
}

const digest = `"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`

// everything is a document with every kind of value, and some that are there but empty.
var everything = strings.Join([]string{
	`{"v":1,"id":"acme/hello","summary":"S \"quoted\" \u00e9","license":"MIT","keywords":["a","","a"],"providers":["acme/x","other/y"],"deprecated":{"message":"use \\u00fc","replacement":"acme/y"},"channels":[{"name":"beta","version":"2.0.0-rc.1"},{"name":"lts","version":"1.0.0"}]}`,
	`{"r":{"id":"acme/hello","version":"999999999.0.1-rc.1+b.2","provides":[{"id":"acme.dev/greeter","major":1,"minor":9999},{"id":"x","major":0,"minor":0}],"host":{"acme":">=2 <3 || 5.0.0-rc.1","b":"*","c":null},` +
		`"requires":[{"id":"acme/base","range":"^1","optional":true},{"id":"acme/two","range":" ^1 ","init":true},{"id":"acme/none"},{"id":"acme/null","range":null},{"id":"acme/any","range":"*"}],` +
		`"any_of":[[{"id":"a/b","range":"*"},{"id":"a/c","range":"1.x || ^3"}],[{"id":"a/d"},{"id":"a/b"}]],"conflicts":[{"id":"z/z","range":">=1.0.0-a <1.0.0-b"}],` +
		`"offers":[{"id":"a/d","version":"1.2.3"}],"capabilities":["net:x:1","später"],"state":-7,"digest":` + digest + `,"size":9007199254740993,"time":"2026-01-02T03:04:05.600000007Z",` +
		`"packages":[{"runtime":"wasm","platform":{"os":"wasip1","architecture":"wasm"},"manifest":{"digest":` + digest + `,"size":5},"payload":{"digest":` + digest + `,"size":6}},` +
		`{"runtime":"later","platform":{"os":"linux","architecture":"amd64"},"manifest":{"digest":` + digest + `},"payload":{"digest":` + digest + `}}]},"s":{"yanked":{"reason":"eats \"files\""},"blocked":{},"removed":{"reason":"gone"}}}`,
	`{"r":{"id":"acme/hello","version":"1.0.0","provides":[],"host":{},"requires":[],"any_of":[],"conflicts":[],"offers":[],"capabilities":[],"digest":` + digest + `,"size":0,"time":"1969-12-31T23:59:59Z","packages":[]},"s":{}}`,
	`{"s":{"yanked":{}}, "r" : { "future": "<&>", "id":"acme/hello","version":"1.0.1","host":{"acme":">=2 <3 || 5.0.0-rc.1","b":"*","c":null},"time":"2026-01-02T03:04:05+07:00","digest":` + digest + `,"size":1,"packages":null} }`,
	`{"r":{"id":"acme/hello","version":"1.0.2","time":"0001-01-01T00:00:00Z","digest":` + digest + `,"size":1},"s":null}`,
}, "\n") + "\n"

func TestCompiledEverything(t *testing.T) {
	p, err := Parse("acme/hello", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	compiled := roundTrip(t, new(Ranges), p, []byte(everything))
	if len(compiled) > len(everything) {
		t.Errorf("%d bytes for a document of %d", len(compiled), len(everything))
	}
}

// TestCompiledFields fails when a type gets a field: then the compiled form has to have it.
func TestCompiledFields(t *testing.T) {
	for _, c := range []struct {
		of   any
		want int
	}{{Plugin{}, 3}, {Header{}, 8}, {Deprecation{}, 2}, {Channel{}, 2}, {Release{}, 3}, {State{}, 3}, {Yank{}, 1}, {Record{}, 5}, {artifact.Facts{}, 10}, {manifest.Need{}, 4}, {manifest.PointRef{}, 3}, {manifest.Offer{}, 2}, {Package{}, 4}, {manifest.Platform{}, 2}, {Ref{}, 2}} {
		if n := reflect.TypeOf(c.of).NumField(); n != c.want {
			t.Errorf("%T has %d fields, %d are compiled", c.of, n, c.want)
		}
	}
}

func TestCompiledVectors(t *testing.T) {
	n := 0
	for _, pattern := range []string{"../docs/spec/testdata/index/*.jsonl", "testdata/fuzz/FuzzParse/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var h Header
			line, _, _ := bytes.Cut(b, []byte("\n"))
			if json.Unmarshal(line, &h) != nil {
				continue
			}
			if p, err := Parse(h.ID, b); err == nil {
				roundTrip(t, new(Ranges), p, b)
				n++
			}
		}
	}
	if n < 2 {
		t.Errorf("%d documents", n)
	}
}

// TestCompiledRandom varies a document that has everything. One table of ranges serves all.
func TestCompiledRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	lines := strings.SplitAfter(everything, "\n")
	shared := new(Ranges)
	n := 0
	for range 4000 {
		var doc strings.Builder
		doc.WriteString(lines[0])
		for _, l := range lines[1 : 1+rnd.IntN(4)] {
			if rnd.IntN(2) == 0 {
				l = strings.TrimSuffix(vary(rnd, strings.TrimSuffix(l, "\n")), "\n") + "\n"
			}
			doc.WriteString(l)
		}
		if p, err := Parse("acme/hello", []byte(doc.String())); err == nil {
			roundTrip(t, shared, p, []byte(doc.String()))
			n++
		}
	}
	if n < 1000 || n > 3800 {
		t.Errorf("%d of 4000 are documents", n)
	}
}

func TestCompileTooLong(t *testing.T) {
	long := &Plugin{Header: Header{ID: "acme/hello", Summary: strings.Repeat("x", MaxDocument)}}
	if _, err := long.Compile(); !errors.Is(err, ErrCompiled) || !strings.Contains(err.Error(), "limit") {
		t.Error(err)
	}
}

// TestCompiledDamage cuts the form and changes every byte of it. There is no checksum here,
// so what comes may be anything; it never panics, and never fails with another error.
func TestCompiledDamage(t *testing.T) {
	doc := []byte(everything)
	p, err := Parse("acme/hello", doc)
	if err != nil {
		t.Fatal(err)
	}
	good, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	try := func(compiled []byte) error {
		_, err := ReadCompiled(compiled, new(Ranges))
		if err != nil {
			refused++
		}
		if err != nil && !errors.Is(err, ErrCompiled) {
			t.Fatal(err)
		}
		return err
	}
	for i := range good {
		if try(good[:i]) == nil {
			t.Errorf("cut at %d it is read", i)
		}
		for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff, good[i] + 1} {
			b := bytes.Clone(good)
			b[i] = c
			_ = try(b)
		}
	}
	for _, b := range [][]byte{append(bytes.Clone(good), 0), make([]byte, MaxDocument+1)} {
		if try(b) == nil {
			t.Errorf("%d bytes are read", len(b))
		}
	}
	if refused < len(good) {
		t.Errorf("only %d are refused", refused)
	}
}

// TestCompiledNeighbours: who changes a record in place, or appends to it, changes no other.
func TestCompiledNeighbours(t *testing.T) {
	doc := []byte(everything)
	want, err := Parse("acme/hello", doc)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := want.Compile()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadCompiled(compiled, new(Ranges))
	if err != nil {
		t.Fatal(err)
	}
	r := &p.Releases[0]
	_ = append(r.Requires, want.Releases[0].Requires...)
	_ = append(r.Packages, want.Releases[0].Packages...)
	clear(compiled)
	want = withoutRecords(want)
	if !reflect.DeepEqual(p.Releases[1:], want.Releases[1:]) || r.ID != "acme/hello" || !reflect.DeepEqual(r.AnyOf, want.Releases[0].AnyOf) {
		t.Errorf("got %+v", p.Releases)
	}
}

// TestRangesAreBounded: what is remembered has a limit, and what is beyond is right all the
// same, also for several goroutines.
func TestRangesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"v":1,"id":"acme/hello"}` + "\n")
	for i := range maxShared/100 + 2 {
		fmt.Fprintf(&b, `{"r":{"id":"acme/hello","version":"1.0.%d","digest":%s,"size":1,"requires":[`, i, digest)
		for k := range 100 {
			fmt.Fprintf(&b, `%s{"id":"a/p%d","range":"^%d.%d"}`, strings.Repeat(",", min(k, 1)), k, i, k)
		}
		b.WriteString("]},\"s\":{}}\n")
	}
	doc := []byte(b.String())
	p, err := Parse("acme/hello", doc)
	if err != nil {
		t.Fatal(err)
	}
	shared := new(Ranges)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { roundTrip(t, shared, p, doc) })
	}
	wg.Wait()
	if len(shared.m) != maxShared {
		t.Errorf("%d ranges", len(shared.m))
	}
}

// FuzzReadCompiled: bytes that are no compiled form never panic, take no more memory than a
// document of that length could, and stay within the limits.
func FuzzReadCompiled(f *testing.F) {
	for _, doc := range []string{everything, `{"v":1,"id":"acme/hello"}` + "\n"} {
		p, err := Parse("acme/hello", []byte(doc))
		if err != nil {
			f.Fatal(err)
		}
		b, err := p.Compile()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, compiled []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := ReadCompiled(compiled, new(Ranges))
		runtime.ReadMemStats(&after)
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+1000*len(compiled)); used > most {
			t.Fatalf("%d bytes for %d", used, len(compiled))
		}
		if err != nil {
			if !errors.Is(err, ErrCompiled) {
				t.Fatal(err)
			}
			return
		}
		if len(p.Releases) > MaxReleases {
			t.Fatalf("%d releases", len(p.Releases))
		}
	})
}
