package resolve_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
	"github.com/plugstead/plugstead/version"
)

var update = flag.Bool("update", false, "write the texts of testdata/failures.txt anew")

// ask reads a line such as "a/a b/b@^1 locked=c/c@1.0.0 as-of=2026-01-02 pin=d/d@1.0.0".
func ask(t *testing.T, text string) resolve.Problem {
	t.Helper()
	p := problem(t)
	for f := range strings.FieldsSeq(text) {
		key, value, ok := strings.Cut(f, "=")
		if !ok || strings.ContainsAny(key, "/@") {
			p.Wishes = append(p.Wishes, wish(t, f))
			continue
		}
		id, v, _ := strings.Cut(value, "@")
		r := &p.Rules
		switch key {
		case "locked":
			if p.Locked == nil {
				p.Locked = &resolve.Lock{}
			}
			p.Locked.Plugins = append(p.Locked.Plugins, locked(t, value).Plugins...)
		case "as-of":
			r.AsOf, _ = time.Parse(time.DateOnly, value)
		case "min-age":
			r.MinAge, _ = time.ParseDuration(value)
			r.Now = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
		case "pin":
			r.Pins = append(r.Pins, resolve.Pin{ID: manifest.ID(id), Version: version.MustParse(v)})
		case "exclude":
			r.Excludes = append(r.Excludes, wish(t, value))
		case "override":
			r.Overrides = append(r.Overrides, wish(t, value))
		case "step":
			r.Step = resolve.Step(value)
		case "linked":
			p.Host.Linked = append(p.Host.Linked, manifest.ID(value))
		case "on":
			on, err := manifest.ParsePlatform(value)
			if err != nil {
				t.Fatal(err)
			}
			p.Platforms = append(p.Platforms, on)
		case "forbid":
			p.Policy = forbid(value)
		default:
			t.Fatalf("what is %s?", f)
		}
	}
	return p
}

// forbid is a policy that keeps one plugin away.
type forbid manifest.ID

func (f forbid) Admit(id manifest.ID, _ *index.Release, _ bool) (string, bool) {
	return "forbidden: nobody has reviewed it", id != manifest.ID(f)
}

// TestFailureTexts compares what people read with testdata/failures.txt. Each entry is
// a name, a universe, what is asked, and the text.
func TestFailureTexts(t *testing.T) {
	const file = "testdata/failures.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries := strings.Split(string(b), "\n== ")
	out := []string{entries[0]}
	for _, e := range entries[1:] {
		name, rest, _ := strings.Cut(e, "\n")
		universe, rest, _ := strings.Cut(rest, "\nask: ")
		question, want, _ := strings.Cut(rest, "\n")
		u, p := parse(t, universe), ask(t, question)
		_, err := resolve.Solve(t.Context(), u, p)
		f, ok := errors.AsType[*resolve.Failure](err)
		if !ok {
			t.Errorf("%s: %v is no failure", name, err)
			continue
		}
		if got := f.Error() + "\n"; got != strings.TrimRight(want, "\n")+"\n" && !*update {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
		if err := resolvetest.CheckFailure(t.Context(), u, p, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(f.Error(), "\n"); n >= 12 {
			t.Errorf("%s: %d lines", name, n+1)
		}
		out = append(out, name+"\n"+universe+"\nask: "+question+"\n"+f.Error()+"\n")
	}
	if len(out) < 26 {
		t.Errorf("only %d texts", len(out)-1)
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n== ")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnknown keeps what the index said.
func TestUnknown(t *testing.T) {
	_, err := resolve.Solve(t.Context(), resolvetest.Universe{}, problem(t, "a/a"))
	if f, ok := errors.AsType[*resolve.Failure](err); !ok || f.Kind != resolve.Unknown || f.ID != "a/a" || !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestCheckerRefuses spoils a proof in every place; the checker must see it.
func TestCheckerRefuses(t *testing.T) {
	u := parse(t, "a/a 1.0.0 c/c@^1\na/a 2.0.0 c/c@^2 host=^9\nb/b 1.0.0 c/c@^3\nc/c 1.0.0\nc/c 2.0.0\nc/c 3.0.0")
	p := problem(t, "a/a", "b/b")
	make := func() *resolve.Failure {
		_, err := resolve.Solve(t.Context(), u, p)
		f, ok := errors.AsType[*resolve.Failure](err)
		if !ok || resolvetest.CheckFailure(t.Context(), u, p, f) != nil {
			t.Fatal(err, resolvetest.CheckFailure(t.Context(), u, p, f))
		}
		return f
	}
	refused := func(what string, f *resolve.Failure) {
		t.Helper()
		if resolvetest.CheckFailure(t.Context(), u, p, f) == nil {
			t.Errorf("%s: the checker takes it", what)
		}
	}
	for i, n := range make().Nodes {
		for j := range n.Terms {
			f := make()
			s := &f.Nodes[i].Terms[j].States
			if (*s)[0][0] > 0 {
				(*s)[0][0]--
			} else {
				(*s)[0][1]--
			}
			refused("a term changed", f)
		}
		if n.Kind == resolve.NodeDerived {
			f := make()
			f.Nodes[i].Causes = f.Nodes[i].Causes[1:]
			refused("a cause missing", f)
			f = make()
			f.Nodes[i].Causes[0].Node = len(f.Nodes) - 1
			refused("a cause behind", f)
		} else if n.Need != "" {
			f := make()
			f.Nodes[i].Need = "c/c@=7.0.0"
			refused("another need", f)
		}
	}
	f := make()
	f.Nodes = f.Nodes[:len(f.Nodes)-1]
	refused("no end", f)
	f = make()
	f.Plugins[0].Versions = f.Plugins[0].Versions[:0]
	refused("a version hidden", f)
}

// TestFailureJSON reads a failure back and checks it again.
func TestFailureJSON(t *testing.T) {
	u := parse(t, "a/a 1.0.0 c/c@^1\nb/b 1.0.0 c/c@^2\nc/c 1.0.0\nc/c 2.0.0")
	p := problem(t, "a/a", "b/b")
	_, err := resolve.Solve(t.Context(), u, p)
	f, _ := errors.AsType[*resolve.Failure](err)
	b, err := json.Marshal(f)
	if err != nil || !strings.HasPrefix(string(b), `{"format":"resolve-failure/1","kind":"versions","plugin":"c/c","lead":`) {
		t.Fatalf("%s %v", b, err)
	}
	g := new(resolve.Failure)
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	if err := resolvetest.CheckFailure(t.Context(), u, p, g); err != nil || g.Error() != f.Error() {
		t.Fatalf("%v\n%v", err, g)
	}
	if err := json.Unmarshal([]byte(`{"format":"resolve-failure/2"}`), g); err == nil {
		t.Error("read a later format")
	}
}
