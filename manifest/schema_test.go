package manifest

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/plugstead/plugstead/version"
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
				if n = parse(n.AdditionalProperties); len(n.AnyOf) > 0 {
					n = parse(n.AnyOf[1])
				}
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
	beyond := []string{
		"alias.yaml", "two-documents.yaml", "twice.yaml", "self.yaml", "tag.yaml", "merge.yaml", "syntax.yaml",
		"host-empty.yaml", "point-version.yaml", "hooks-self.yaml", "hooks-point.yaml", "hooks-both.yaml",
		"any-of-empty-range.yaml", "any-of-name-twice.yaml", "any-of-self.yaml", "any-of-twice.yaml", "offers-self.yaml", "offers-twice.yaml",
	}
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

// TestSchemaPatterns makes up texts and asks schema and parser. The schema may not
// refuse what the parser takes; where exact is set both must agree.
func TestSchemaPatterns(t *testing.T) {
	for def, c := range map[string]struct {
		parts string // to build texts from, a space between
		exact bool
		valid func(s string) bool
	}{
		"id":         {"acme/ a b1 c/d / . _ - -- __ A", true, func(s string) bool { _, err := ParseID(s); return err == nil }},
		"point":      {"a b1 acme.dev / . _ - A", true, func(s string) bool { return CheckPointID(s) == nil }},
		"path":       {`a / / . .. \ : con COM1 .txt é "`, true, func(s string) bool { return checkPath(s) == nil }},
		"range":      {"1 0 2.3 1.2.3 -rc.1 +b x * > = >= < ^ ~ || | , _ _ - . 01", true, validRange},
		"offered":    {"1 0 2 10 1.2.3 01 . . . -rc +b 0.0.0 v", true, validOffered},
		"capability": {"net: fs: ro: rw: env: host: run: a.b * . 443 :443 :* [::1] / - _ HOME", true, validCapabilityText},
		"link":       {"https:// http:// HTTP:// ftp:// git.example.org / ? # : 80 @ a %20 ..", false, validLink},
	} {
		s, err := jsonschema.NewCompiler().Compile(schemaFile + "#/$defs/" + def)
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(5, 6))
		parts, accepted := strings.Fields(c.parts), 0
		for range 8000 {
			var b strings.Builder
			for range 1 + rnd.IntN(7) {
				b.WriteString(parts[rnd.IntN(len(parts))])
			}
			text := strings.ReplaceAll(b.String(), "_", map[bool]string{true: " ", false: "_"}[def == "range"])
			parser, schema := c.valid(text), s.Validate(text) == nil
			if parser {
				accepted++
			}
			if parser != schema && (parser || c.exact) {
				t.Errorf("%s %q: parser %v, schema %v", def, text, parser, schema)
				break
			}
		}
		if accepted < 15 {
			t.Errorf("%s: only %d texts were valid", def, accepted)
		}
	}
}

func validRange(s string) bool { _, err := version.ParseRange(s); return err == nil }

func validOffered(s string) bool {
	v, err := version.Parse(s)
	return err == nil && Offer{ID: "a/b", Version: v}.Check() == nil
}

func validCapabilityText(s string) bool { _, err := ParseCapability(s); return err == nil }
