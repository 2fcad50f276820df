package wireconfig

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
)

type config struct {
	N     int               `json:"n"`
	Big   uint64            `json:"big"`
	F     float64           `json:"f"`
	G     float64           `json:"g"`
	S     []string          `json:"s"`
	M     map[string]nested `json:"m"`
	D     time.Duration     `json:"d"`
	Keep  string            `json:"keep"`
	Maybe *int              `json:"maybe"`
	Any   any               `json:"any"`
}

type nested struct {
	On bool `json:"on"`
}

func TestEncode(t *testing.T) {
	b, err := Encode(json.RawMessage(`{"n":-5,"big":18446744073709551615,"f":3,"g":1.5e2,"s":["a"],"m":{"k":{"on":true}},"d":1000000000,"maybe":null,"any":{"x":[1]}}`), contract.CBOR)
	if err != nil {
		t.Fatal(err)
	}
	got := config{Keep: "default"}
	if err := guest.DecodeConfig(b)(&got); err != nil {
		t.Fatal(err)
	}
	want := config{N: -5, Big: 1<<64 - 1, F: 3, G: 150, S: []string{"a"}, M: map[string]nested{"k": {true}}, D: time.Second, Keep: "default", Any: got.Any}
	if !reflect.DeepEqual(got, want) || got.Any == nil {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, whole := range []string{`{"n":5.0,"big":5.0,"d":5e0}`, `{"n":0.5e1,"big":5,"d":50e-1}`} {
		got = config{}
		if b, err = Encode(json.RawMessage(whole), contract.CBOR); err != nil || guest.DecodeConfig(b)(&got) != nil || got.N != 5 || got.Big != 5 || got.D != 5 {
			t.Errorf("%s: %+v, %v", whole, got, err)
		}
	}
	for _, empty := range []string{"", " \n"} {
		if b, err := Encode(json.RawMessage(empty), contract.CBOR); err != nil || b != nil {
			t.Errorf("%q: %x, %v", empty, b, err)
		}
	}
	if b, err := Encode(json.RawMessage(" {\"n\": 1}\n"), contract.JSON); err != nil || string(b) != `{"n":1}` {
		t.Errorf("JSON: %q, %v", b, err)
	}
}

func TestEncodeErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`: "object", `null`: "object", `"x"`: "object", `{`: "configuration", `{"a":1,"a":2}`: "twice", `{"a":1,"A":2}`: "case",
		`{"a":1e999}`: "a: number 1e999 is too large", "{\"a\":\"\xff\"}": "UTF-8", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: "deeper",
		`{"a":"` + strings.Repeat("x", maxSize) + `"}`: "limit", `{} {}`: "after top-level value",
	} {
		_, err := Encode(json.RawMessage(raw), contract.CBOR)
		if !errors.Is(err, contract.InvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", raw, err, want)
		}
	}
}

// FuzzEncode: what is accepted can be decoded and says the same as the JSON.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"n":-5,"big":18446744073709551615,"f":3,"s":["a"],"m":{"k":{"on":true}},"x":null}`))
	f.Add([]byte(`{"a":1e400}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Encode(raw, contract.CBOR)
		if err != nil || b == nil {
			return
		}
		var got, want map[string]any
		if err := guest.DecodeConfig(b)(&got); err != nil {
			t.Fatalf("%s was accepted and cannot be decoded: %v", raw, err)
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if len(got) != len(want) {
			t.Errorf("%s became %v", raw, got)
		}
	})
}
