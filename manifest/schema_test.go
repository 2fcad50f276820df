package manifest

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const (
	schemaFile = "../docs/spec/plugin.schema.json"
	vectorDir  = "../docs/spec/testdata/manifest/"
)

// TestSchemaKeys compares the keys of the parser with those of the schema.
func TestSchemaKeys(t *testing.T) {
	b, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties json.RawMessage
		AnyOf                []json.RawMessage
	}
	parse := func(raw json.RawMessage) (n node) {
		if err := json.Unmarshal(raw, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for path, want := range keys {
		n := parse(b)
		for part := range strings.SplitSeq(path, ".") {
			switch {
			case part == "*":
				n = parse(parse(n.AdditionalProperties).AnyOf[1])
			case part != "":
				n = parse(n.Properties[part])
			}
		}
		if got, want := sortedKeys(n.Properties), slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			t.Errorf("%q: schema has %v, parser has %v", path, got, want)
		}
		if string(n.AdditionalProperties) != "false" {
			t.Errorf("%q: schema allows other keys", path)
		}
	}
}

// TestSchemaSamples validates the test vectors with the schema. Some mistakes
// are beyond a schema; they are listed.
func TestSchemaSamples(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	beyond := []string{"alias.yaml", "two-documents.yaml", "twice.yaml", "self.yaml"}
	for _, dir := range []string{"valid/", "invalid/"} {
		entries, err := os.ReadDir(vectorDir + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if slices.Contains(beyond, e.Name()) {
				continue
			}
			b, err := os.ReadFile(vectorDir + dir + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := yaml.Unmarshal(b, &v); err != nil {
				t.Fatalf("%s: %v", e.Name(), err)
			}
			if err := s.Validate(v); (err == nil) != (dir == "valid/") {
				t.Errorf("%s%s: schema says %v", dir, e.Name(), err)
			}
		}
	}
}
