package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/plugstead/plugstead/internal/strictjson"
)

func TestCheck(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for text, want := range map[string]string{
		`{"a":1,"b":{"a":[{"a":2},{"a":3}]}}`: "",
		`"x"`:                                 "",
		`[]`:                                  "",
		`{"a":1,"a":2}`:                       `key "a" twice`,
		`{"a":1,"A":2}`:                       "differ only in case",
		`{"x":{"k":1,"K":2}}`:                 "differ only in case",
		`{"ſ":1,"s":2}`:                       "differ only in case",
		`{"a":{"b":1},"a":2}`:                 `key "a" twice`,
		`{"\u0061":1,"a":2}`:                  `key "a" twice`,
		`{} {}`:                               "after top-level value",
		``:                                    "unexpected end",
		`{`:                                   "end",
		`{"a":}`:                              "at byte",
		"{\"a\":\"\xff\"}":                    "UTF-8",
		`"\ud83d\ude00"`:                      "",
		`"\\ud83d"`:                           "",
		`"\ud83d"`:                            "at byte 1: half a surrogate pair",
		`"\ud83dx"`:                           "surrogate",
		`"\ude00\ud83d"`:                      "surrogate",
		`{"\uD800":1}`:                        "surrogate",
		`{"ß":1,"ẞ":2}`:                       "differ only in case",
		`{"θ":1,"ϴ":2}`:                       "differ only in case",
		`[null]`:                              "",
		`{"a":1,}`:                            "at byte",
		`{"a" 1}`:                             "at byte",
		`[1,]`:                                "at byte",
		`01`:                                  "after top-level value",
		`nul`:                                 "at byte",
		deep:                                  "nested deeper",
	} {
		err := strictjson.Check([]byte(text), strictjson.Limits{})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if !errors.Is(err, strictjson.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestSize(t *testing.T) {
	if err := strictjson.Check([]byte(`"0123456789"`), strictjson.Limits{Size: 5}); !errors.Is(err, strictjson.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestUnmarshal(t *testing.T) {
	var x struct{ A int }
	if err := strictjson.Unmarshal([]byte(`{"A":7,"extra":1}`), &x, strictjson.Limits{AllowUnknown: true}); err != nil || x.A != 7 {
		t.Fatal(x, err)
	}
	if err := strictjson.Unmarshal([]byte(`{"A":7,"extra":1}`), &x, strictjson.Limits{}); !errors.Is(err, strictjson.ErrInvalid) {
		t.Fatal(err)
	}
	if err := strictjson.Unmarshal([]byte(`{"A":"x"}`), &x, strictjson.Limits{}); !errors.Is(err, strictjson.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestNull(t *testing.T) {
	for _, s := range []string{`null`, `{"a":null}`, `[1,null]`} {
		if err := strictjson.Check([]byte(s), strictjson.Limits{RefuseNull: true}); !errors.Is(err, strictjson.ErrInvalid) {
			t.Errorf("%s: %v", s, err)
		}
		if err := strictjson.Check([]byte(s), strictjson.Limits{}); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

type base struct {
	Plain  int
	Hidden int `json:"hidden"`
}

type node struct {
	base
	*Named  `json:"named"`
	ID      string            `json:"id"`
	Hidden  string            `json:"hidden"`
	Kids    []node            `json:"kids"`
	Kid     *node             `json:"kid"`
	ByName  map[string]node   `json:"byName"`
	Words   map[string]string `json:"words"`
	Raw     json.RawMessage   `json:"raw"`
	When    time.Time         `json:"when"`
	Free    any               `json:"free"`
	Skipped int               `json:"-"`
	K       int               `json:"k"`
	//lint:ignore U1000 it shows that a hidden field is none of the document
	unlisted int
}

// Named is exported because the decoder cannot set a hidden embedded pointer.
type Named struct{ Label string }

// TestCaseOfFields reads keys that the standard decoder would take for a field.
func TestCaseOfFields(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"x","Plain":1,"hidden":"h","kids":[{"id":"y"}],"byName":{"ID":{"id":"z"}},"words":{"Id":"w"}}`: "",
		`{"raw":{"ID":1},"free":{"ID":[{"ID":2}]},"when":"2026-01-02T03:04:05Z","named":{"Label":"l"}}`:       "",
		`{"ID":"x"}`:                     `key "ID" differs only in case from "id"`,
		`{"plain":1}`:                    `only in case from "Plain"`,
		`{"HIDDEN":"x"}`:                 `only in case from "hidden"`,
		`{"kids":[{"id":"x"},{"Id":1}]}`: `only in case from "id"`,
		`{"kid":{"kid":{"KID":{}}}}`:     `only in case from "kid"`,
		`{"byName":{"x":{"iD":"x"}}}`:    `only in case from "id"`,
		`{"named":{"label":"x"}}`:        `only in case from "Label"`,
		"{\"\u212a\":1}":                 `only in case from "k"`,
	} {
		for _, unknown := range []bool{false, true} {
			err := strictjson.Unmarshal([]byte(text), new(node), strictjson.Limits{AllowUnknown: unknown})
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", text, err)
			case want != "" && (!errors.Is(err, strictjson.ErrInvalid) || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: got %v, want %q", text, err, want)
			}
		}
	}
	var x struct{ Skipped, Unlisted int }
	if err := strictjson.Unmarshal([]byte(`{"skipped":1}`), new(node), strictjson.Limits{AllowUnknown: true}); err != nil {
		t.Error(err)
	}
	if err := strictjson.Unmarshal([]byte(`{"Skipped":1,"Unlisted":2}`), &x, strictjson.Limits{}); err != nil || x.Unlisted != 2 {
		t.Error(err, x)
	}
}

// TestFolding proves that every pair of letters that the standard decoder holds
// for equal is found, by trying all of them.
func TestFolding(t *testing.T) {
	for r := rune(1); r <= unicode.MaxRune; r++ {
		other := unicode.SimpleFold(r)
		if other == r || r == '"' || r == '\\' {
			continue
		}
		if err := strictjson.Check(fmt.Appendf(nil, `{"%c":1,"%c":2}`, r, other), strictjson.Limits{}); !errors.Is(err, strictjson.ErrInvalid) {
			t.Errorf("%U and %U: %v", r, other, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[[[[`, `"\ud800"`, `"\ud83d\ude00\n\\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := strictjson.Check([]byte(s), strictjson.Limits{}); err != nil {
			return
		}
		if !json.Valid([]byte(s)) {
			t.Fatalf("accepted %q", s)
		}
	})
}

// FuzzUnmarshal holds the decoder to a plain rule: what it accepts without unknown
// keys is written again with the same keys.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{"id":"x"}`, `{"ID":"x"}`, `{"id":"x","Id":"y"}`, `{"list":[{"id":"x"}]}`, `{"list":null}`, `{"i\u0064":"x"}`} {
		f.Add(s)
	}
	type item struct {
		ID string `json:"id,omitempty"`
	}
	type doc struct {
		ID   string `json:"id"`
		List []item `json:"list"`
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d doc
		if err := strictjson.Unmarshal([]byte(s), &d, strictjson.Limits{RefuseNull: true}); err != nil {
			return
		}
		var loose map[string]any
		if err := json.Unmarshal([]byte(s), &loose); err != nil {
			t.Fatalf("accepted %q: %v", s, err)
		}
		for k := range loose {
			if k != "id" && k != "list" {
				t.Fatalf("accepted %q with key %q", s, k)
			}
		}
		if id, ok := loose["id"]; ok && id != d.ID {
			t.Fatalf("%q: two readings of id", s)
		}
	})
}
