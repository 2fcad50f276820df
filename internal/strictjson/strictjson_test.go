package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

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
		`{} {}`:                               "2 values",
		``:                                    "0 values",
		`{`:                                   "end",
		`{"a":}`:                              "at byte",
		"{\"a\":\"\xff\"}":                    "UTF-8",
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

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[[[[`, `"\ud800"`} {
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
