package schema_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/manifest"
)

func with(text string) *manifest.Manifest {
	return &manifest.Manifest{ID: "acme/a", Built: &manifest.Built{Config: text}}
}

const mail = `{"type":"object","additionalProperties":false,"required":["host"],"properties":{
 "host":{"type":"string"}, "port":{"type":"integer","minimum":1,"maximum":65535}, "maybe":{"type":["string","null"]},
 "password":{"type":"string","writeOnly":true}, "on":{"type":"boolean"},
 "servers":{"type":"object","additionalProperties":{"$ref":"#/$defs/server"}}, "list":{"type":"array","items":{"$ref":"#/$defs/server"}}},
 "$defs":{"server":{"type":"object","properties":{"key":{"type":"string","writeOnly":true},"next":{"$ref":"#/$defs/server"}}}}}`

func TestCheck(t *testing.T) {
	for text, want := range map[string][]string{
		`{"host":"x"}`: nil,
		`{"host":"x","password":{"$secret":"env:A"},"port":25}`: nil,
		`{"host":{"$secret":"env:A"}}`:                          nil,
		`{}`:                                                    {""},
		`{"host":5}`:                                            {"host"},
		`{"host":"x","port":0}`:                                 {"port"},
		`{"host":"x","port":{"$secret":"env:A"}}`:               {"port"},
		`{"host":"x","wrong":1}`:                                {""},
		`{"host":"x","password":"hunter2"}`:                     {"password"},
		`{"host":"x","servers":{"a":{"key":"hunter2","next":{"key":"hunter3"}}}}`:          {"servers.a.key", "servers.a.next.key"},
		`{"host":"x","list":[{"key":{"$secret":"env:A"}},{"key":"hunter2"}],"port":70000}`: {"list.1.key", "port"},
	} {
		err := schema.Check(with(mail), text)
		var at []string
		if e, ok := errors.AsType[*schema.Error](err); ok {
			for _, p := range e.Problems {
				at = append(at, p.At)
			}
		}
		if !slices.Equal(at, want) || (err == nil) != (want == nil) || want != nil && !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the secret is shown: %v", text, err)
		}
	}
	for _, none := range []*manifest.Manifest{{ID: "acme/a"}, with("")} {
		if err := schema.Check(none, `{"anything":1}`); err != nil {
			t.Error(err)
		}
		if err := schema.Check(none, `[]`); !errors.Is(err, config.ErrForm) {
			t.Error(err)
		}
	}
}

// TestBadSchemas come with plugins. They load nothing, and are errors of their own.
func TestBadSchemas(t *testing.T) {
	for _, text := range []string{
		`{"$ref":"file:///etc/passwd"}`, `{"$ref":"http://127.0.0.1:1/x"}`, `{"type":5}`, `{"$schema":"http://example.org/other"}`, `{"pattern":"("}`, `{"$ref":"#/nowhere"}`,
	} {
		if err := schema.Check(with(text), `{"a":"b"}`); err == nil || errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := schema.Check(with(`{"$ref":"#"}`), `{"a":"b"}`); err == nil {
		t.Log("a schema that is itself admits everything")
	}
}

func TestValue(t *testing.T) {
	for word, want := range map[string]any{
		"host=5": "5", "host=true": "true", "maybe=null": "null", "on=true": true, "on=maybe": "maybe", "servers.a.key=5": "5", "unknown=[1]": nil, "list=[]": nil,
	} {
		key, typed, _ := strings.Cut(word, "=")
		got := schema.Value(with(mail), key, typed)
		if list, ok := got.([]any); ok && want == nil {
			_ = list
			continue
		}
		if got != want {
			t.Errorf("%s: %#v", word, got)
		}
	}
	if got := schema.Value(&manifest.Manifest{}, "x", "text"); got != "text" {
		t.Errorf("%#v", got)
	}
}
