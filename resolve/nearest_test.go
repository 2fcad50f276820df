package resolve_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
)

// searching is an index that finds names by a part of them, and notes what it is told.
type searching struct {
	resolvetest.Universe
	err      error // behind the first hit
	asked    []string
	read     []manifest.ID
	expected []manifest.ID
}

func (s *searching) Search(_ context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	s.asked = append(s.asked, q.Text)
	return func(yield func(index.Hit, error) bool) {
		for id := range s.Universe {
			if strings.Contains(string(id), q.Text) && !yield(index.Hit{ID: id}, nil) {
				return
			}
			if s.err != nil {
				yield(index.Hit{}, s.err)
				return
			}
		}
	}
}

func (s *searching) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	s.read = append(s.read, id)
	return s.Universe.Plugin(ctx, id)
}

func (s *searching) Prefetch(ids ...manifest.ID) { s.expected = append(s.expected, ids...) }

// TestNearest suggests names that are like a mistyped one, the nearest first.
func TestNearest(t *testing.T) {
	const universe = "acme/markdown 1.0.0\nacme/markup 1.0.0\nacme/toc 1.0.0\nfolio/markdown 1.0.0\nzed/table 1.0.0\nzed/tables 1.0.0\nzed/tabled 1.0.0\nzed/cable 1.0.0"
	for name, want := range map[string]string{
		"acme/markdwon":    "did you mean acme/markdown?",
		"other/markdown":   "did you mean acme/markdown or folio/markdown?",
		"acme/tok":         "did you mean acme/toc?",
		"acme/markupp":     "did you mean acme/markup",
		"zed/tabel":        "did you mean zed/table or zed/cable",
		"nobody/knows-it":  "no plugin is called nobody/knows-it\n",
		"a/a":              "no plugin is called a/a\n",
		"acme/ab":          "no plugin is called acme/ab",
		"acem/markdown":    "did you mean acme/markdown or folio/markdown?",
		"acme/mark-down":   "did you mean acme/markdown",
		"acme/markdownish": "did you mean acme/markdown",
	} {
		_, err := resolve.Solve(t.Context(), &searching{Universe: parse(t, universe)}, problem(t, name))
		f, ok := errors.AsType[*resolve.Failure](err)
		if !ok || f.Kind != resolve.Unknown || !strings.Contains(f.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestNearestWithoutSearch loses the search and says what it knows all the same.
func TestNearestWithoutSearch(t *testing.T) {
	ix := &searching{Universe: parse(t, "acme/markdown 1.0.0\nacme/toc 1.0.0"), err: errors.New("no connection")}
	_, err := resolve.Solve(t.Context(), ix, problem(t, "acme/markdown", "acme/markdwon"))
	if f, ok := errors.AsType[*resolve.Failure](err); !ok || !strings.Contains(f.Error(), "did you mean acme/markdown?") {
		t.Error(err)
	}
	if want := []string{"markdwon", "acme", "mar"}; !slices.Equal(ix.asked, want) {
		t.Errorf("searched for %q, want %q", ix.asked, want)
	}
	p := problem(t, "acme/markdwon")
	p.NoSuggestions = true
	quiet := &searching{Universe: ix.Universe}
	if _, err := resolve.Solve(t.Context(), quiet, p); err == nil || len(quiet.asked) > 0 {
		t.Errorf("%v, searched for %q", err, quiet.asked)
	}
}

// TestPrefetch tells an index what will be needed before it is asked for, and nothing twice.
func TestPrefetch(t *testing.T) {
	ix := &searching{Universe: parse(t, "a/a 1.0.0 b/b c/c@^1? !d/d\nb/b 1.0.0 e/e\ne/e 1.0.0\nl/l 1.0.0\nc/c 1.0.0\nd/d 1.0.0\nf/f 1.0.0")}
	p := problem(t, "a/a", "f/f")
	p.Locked = locked(t, "l/l@1.0.0")
	s := resolve.New(ix)
	if err := s.Load(t.Context(), "f/f", "x/nobody"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Solve(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, id := range []manifest.ID{"a/a", "b/b", "e/e", "l/l"} {
		if !slices.Contains(ix.expected, id) {
			t.Errorf("%s was not expected: %v", id, ix.expected)
		}
	}
	for _, id := range []manifest.ID{"f/f", "c/c", "d/d"} { // read before, or not needed
		if slices.Contains(ix.expected, id) {
			t.Errorf("%s was expected: %v", id, ix.expected)
		}
	}
	read := slices.Clone(ix.read)
	slices.Sort(read)
	if len(slices.Compact(read)) != len(ix.read) {
		t.Errorf("documents were read twice: %v", ix.read)
	}
	before := len(ix.read)
	if _, err := s.Solve(t.Context(), p); err != nil || len(ix.read) != before {
		t.Errorf("%v, read again: %v", err, ix.read[before:])
	}
}
