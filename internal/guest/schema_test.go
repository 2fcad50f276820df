package guest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
)

type inner struct {
	On bool `json:"on"`
}

type embedded struct {
	Shared string `json:"shared"`
}

type sample struct {
	embedded
	Word    string           `json:"word" doc:"What to say." required:"true"`
	Key     Secret           `json:"key"`
	Small   int8             `json:"small"`
	Port    uint16           `json:"port"`
	Large   int64            `json:"large"`
	Count   uint64           `json:"count"`
	Ratio   float64          `json:"ratio"`
	Wait    time.Duration    `json:"wait"`
	When    time.Time        `json:"when"`
	Addr    netip.Addr       `json:"addr"`
	Data    []byte           `json:"data"`
	List    []inner          `json:"list"`
	Map     map[string]inner `json:"map"`
	Maybe   *inner           `json:"maybe"`
	Any     any              `json:"any"`
	Named   bool
	Skipped string `json:"-"`
	hidden  string
}

// TestSchema compares with a schema that was written by hand.
func TestSchema(t *testing.T) {
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["word"],"additionalProperties":false,
	"properties":{
	 "shared":{"type":"string"},
	 "word":{"type":"string","description":"What to say."},
	 "key":{"type":"string","writeOnly":true},
	 "small":{"type":"integer","minimum":-128,"maximum":127},
	 "port":{"type":"integer","minimum":0,"maximum":65535},
	 "large":{"type":"integer"},
	 "count":{"type":"integer","minimum":0},
	 "ratio":{"type":"number"},
	 "wait":{"type":"integer","description":"nanoseconds"},
	 "when":{"type":"string","format":"date-time"},
	 "addr":{"type":"string"},
	 "data":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255}},
	 "list":{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{"on":{"type":"boolean"}}}},
	 "map":{"type":"object","additionalProperties":{"type":"object","additionalProperties":false,"properties":{"on":{"type":"boolean"}}}},
	 "maybe":{"type":["object","null"],"additionalProperties":false,"properties":{"on":{"type":"boolean"}}},
	 "any":{},
	 "Named":{"type":"boolean"}}}`
	_ = sample{}.hidden
	var got, expected any
	if err := json.Unmarshal([]byte(schemaOf(reflect.TypeFor[sample]())), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got %s", schemaOf(reflect.TypeFor[sample]()))
	}
}

// TestSchemaTellsTheTruth: what it admits the plugin takes, and what it does not admit the
// plugin does not take either.
func TestSchemaTellsTheTruth(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		good  bool
	}{
		{"data", []any{104, 105}, true},
		{"data", "aGk=", false},
		{"data", []any{256}, false},
		{"when", "2026-01-02T03:04:05Z", true},
		{"addr", "1.2.3.4", true},
		{"key", "s", true},
		{"key", 5, false},
		{"wait", 5, true},
		{"wait", "5s", false},
		{"maybe", nil, true},
		{"maybe", map[string]any{"on": true}, true},
		{"maybe", map[string]any{"of": true}, false},
		{"small", 127, true},
		{"small", 128, false},
		{"port", -1, false},
		{"ratio", 5, true},
		{"shared", "x", true},
		{"hidden", "x", false},
		{"Skipped", "x", false},
		{"list", []any{map[string]any{"on": false}}, true},
		{"map", map[string]any{"k": map[string]any{"on": 1}}, false},
		{"any", []any{map[string]any{}}, true},
	} {
		b, err := contract.CBOR.Append(nil, map[string]any{c.key: c.value})
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeConfig(b)(new(sample)); (err == nil) != c.good {
			t.Errorf("%s = %v: %v", c.key, c.value, err)
		}
	}
}

type endless struct {
	Next *endless `json:"next"`
	List []endless
}

// TestSchemaEnds for types that contain themselves.
func TestSchemaEnds(t *testing.T) {
	if s := schemaOf(reflect.TypeFor[endless]()); !json.Valid([]byte(s)) || len(s) > 1<<20 {
		t.Errorf("%d bytes", len(s))
	}
	if s := schemaOf(reflect.TypeFor[chan int]()); s != `{"$schema":"https://json-schema.org/draft/2020-12/schema"}` {
		t.Error(s)
	}
}

type (
	// wide contains itself so often that its schema would have billions of parts.
	wide struct{ A, B, C, D, E, F, G, H *wide }
	loop *loop
)

// TestSchemaIsBounded: a schema of a type that contains itself often is less deep, and made at once.
func TestSchemaIsBounded(t *testing.T) {
	s := schemaOf(reflect.TypeFor[wide]())
	if len(s) < 1000 || len(s) > maxSchema || !json.Valid([]byte(s)) {
		t.Errorf("%d bytes", len(s))
	}
	if s := schemaOf(reflect.TypeFor[loop]()); len(s) > maxSchema {
		t.Errorf("%d bytes", len(s))
	}
}

type (
	Base struct {
		Host  string `json:"host" required:"true"`
		Name  int    `json:"name" required:"true"`
		Twice int
	}
	Other struct {
		Twice int
		Once  bool
	}
	hiddenBase struct{ Lost string }
	mixed      struct {
		Name string `json:"name" required:"true"`
		*Base
		Other
		*hiddenBase
	}
)

// TestSchemaOfEmbedded: embedded structs, also by pointer, give their fields; those of the
// outer one come first, and of two that are equal there is none.
func TestSchemaOfEmbedded(t *testing.T) {
	var got struct {
		Properties map[string]struct{ Type any }
		Required   []string
	}
	_ = mixed{}.hiddenBase
	if err := json.Unmarshal([]byte(schemaOf(reflect.TypeFor[mixed]())), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]struct{ Type any }{"name": {"string"}, "host": {"string"}, "Once": {"boolean"}}
	if !reflect.DeepEqual(got.Properties, want) || !slices.Equal(got.Required, []string{"host", "name"}) {
		t.Errorf("got %+v", got)
	}
	for key, value := range map[string]any{"name": "x", "host": "x", "Once": true, "Twice": 1, "Base": nil, "Lost": "x"} {
		b, err := contract.CBOR.Append(nil, map[string]any{key: value})
		if err != nil {
			t.Fatal(err)
		}
		_, admitted := want[key]
		if err := DecodeConfig(b)(new(mixed)); (err == nil) != admitted {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestSecret: however it is printed, it is stars.
func TestSecret(t *testing.T) {
	s := Secret("hunter2")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "within", struct{ Key Secret }{s})
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%q %s %v %#v %x %+v", s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", sample{Key: s}, sample{Key: s}, sample{Key: s}), s.String(), s.GoString(), log.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e") {
			t.Errorf("%q", text)
		}
	}
	if string(s) != "hunter2" {
		t.Error("the text is lost")
	}
}
