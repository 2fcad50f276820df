package manifest

import (
	"errors"
	"strings"
	"testing"
)

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"f: m":                           {File: "f", Msg: "m"},
		"f: k: m":                        {File: "f", Key: "k", Msg: "m"},
		"f:3:4: k.x: m":                  {File: "f", Line: 3, Column: 4, Key: "k.x", Msg: "m"},
		"f:3:4: k: m; did you mean key?": {File: "f", Line: 3, Column: 4, Key: "k", Msg: "m", Hint: "key"},
		`f: "\x1b[2Jk": m`:               {File: "f", Key: "\x1b[2Jk", Msg: "m"},
		`f: "a\u202eb": m`:               {File: "f", Key: "a\u202eb", Msg: "m"},
		"f: größe: m":                    {File: "f", Key: "größe", Msg: "m"},
		`f: "` + strings.Repeat("k", 200) + `": m`: {File: "f", Key: strings.Repeat("k", 1000), Msg: "m"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestErrorsAreSortedAndBounded(t *testing.T) {
	var list Errors
	if list.result() != nil {
		t.Error("an error without a mistake")
	}
	cause := errors.New("cause")
	for i := range 80 {
		list = append(list, &Error{File: "f", Line: 1 + (80-i)/2, Column: i % 3, cause: cause})
	}
	out, ok := errors.AsType[Errors](list.result())
	if !ok || len(out) != maxErrors || !errors.Is(out, cause) {
		t.Fatalf("%d mistakes", len(out))
	}
	for i := range out[1:] {
		a, b := out[i], out[i+1]
		if a.Line > b.Line || a.Line == b.Line && a.Column > b.Column {
			t.Errorf("%d:%d before %d:%d", a.Line, a.Column, b.Line, b.Column)
		}
	}
}

func TestNearest(t *testing.T) {
	for s, want := range map[string]string{
		"sumary": "summary", "summery": "summary", "licence": "license", "require": "requires", "ID": "", "Id": "id",
		"runtime": "runtimes", "keyword": "keywords", "xyz": "", "": "", strings.Repeat("k", 100): "",
	} {
		if got := nearest(s, keys[""]); got != want {
			t.Errorf("%.20s: %q, want %q", s, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"flaw", "lawn", 2}} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%s to %s: %d and %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}
