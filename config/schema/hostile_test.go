package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
)

// doubling is a schema whose definitions each take the next one twice, by way of form.
func doubling(n int, form string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range n {
		next := fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1)
		fmt.Fprintf(&b, `"d%d":%s,`, i, strings.ReplaceAll(form, "NEXT", next))
	}
	fmt.Fprintf(&b, `"d%d":{"type":"object"}}}`, n)
	return b.String()
}

// TestHeavySchemas would keep a check busy for years; they are refused at once.
func TestHeavySchemas(t *testing.T) {
	const deep = `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}}}}}`
	for _, text := range []string{
		doubling(60, `{"allOf":[NEXT,NEXT]}`), doubling(60, `{"anyOf":[{"not":NEXT},NEXT]}`), doubling(60, `{"if":NEXT,"then":NEXT}`),
		doubling(60, `{"allOf":[{"properties":{"a":NEXT}},{"properties":{"a":NEXT}}]}`),
		doubling(60, `{"properties":{"a":NEXT},"patternProperties":{"^a":NEXT}}`),
		`{"properties":{"a":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#"}]}`,
		`{"$dynamicAnchor":"x","allOf":[{"$dynamicRef":"#x"}]}`,
	} {
		if err := schema.Check(with(text), deep); err == nil || errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "too often") {
			t.Errorf("%.100s: %v", text, err)
		}
		if schema.Valid(text) == nil {
			t.Errorf("%.100s: valid", text)
		}
		if v := schema.Value(with(text), "a.b", "7"); v == nil {
			t.Errorf("%.100s: nothing", text)
		}
	}
	wide := make([]string, 2000)
	for i := range wide {
		wide[i] = fmt.Sprintf(`"k%d":{"$ref":"#/$defs/tree"}`, i)
	}
	for _, text := range []string{
		`{"$defs":{"tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"right":{"$ref":"#/$defs/tree"}}}},"properties":{` + strings.Join(wide, ",") + `}}`,
		`{"properties":{"a":{"$ref":"#"}},"additionalProperties":false}`, doubling(60, `{"allOf":[NEXT]}`), doubling(5, `{"allOf":[NEXT,NEXT]}`),
	} {
		if err := errors.Join(schema.Valid(text), schema.Check(with(text), deep)); err != nil {
			t.Errorf("%.100s: %v", text, err)
		}
	}
}

// TestSecretsWhereverTheyAre: a schema can name them in many ways; what it wants of the text of
// a secret says nothing about a reference, and no message shows a text.
func TestSecretsWhereverTheyAre(t *testing.T) {
	const key = `{"type":"string","writeOnly":true,"pattern":"^k","maxLength":3,"enum":["k1"]}`
	for form, path := range map[string]string{
		`{"properties":{"a":KEY}}`:                                    "a",
		`{"patternProperties":{"^a":KEY}}`:                            "a",
		`{"additionalProperties":KEY}`:                                "a",
		`{"unevaluatedProperties":KEY}`:                               "a",
		`{"if":{"required":["a"]},"then":{"properties":{"a":KEY}}}`:   "a",
		`{"dependentSchemas":{"a":{"properties":{"a":KEY}}}}`:         "a",
		`{"$ref":"#/$defs/x","$defs":{"x":{"properties":{"a":KEY}}}}`: "a",
		`{"properties":{"a":{"prefixItems":[{},KEY]}}}`:               "a.1",
		`{"properties":{"a":{"items":KEY}}}`:                          "a.0",
		`{"properties":{"a":{"properties":{"b.c":KEY}}}}`:             "a.b.c",
	} {
		m := with(strings.ReplaceAll(form, "KEY", key))
		config := func(v string) string {
			switch path {
			case "a.1":
				v = "[1," + v + "]"
			case "a.0":
				v = "[" + v + "]"
			case "a.b.c":
				v = `{"b.c":` + v + `}`
			}
			return `{"a":` + v + `}`
		}
		if err := schema.Check(m, config(`{"$secret":"env:KEY"}`)); err != nil {
			t.Errorf("%s: a reference: %v", form, err)
		}
		for _, plain := range []string{`"hunter2"`, `4711`, `{"x":"hunter2"}`} {
			err := schema.Check(m, config(plain))
			e, ok := errors.AsType[*schema.Error](err)
			if !ok || !slices.ContainsFunc(e.Problems, func(p schema.Problem) bool { return p.At == path && strings.Contains(p.Why, "is a secret") }) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "4711") {
				t.Errorf("%s: %s: %v", form, plain, err)
			}
		}
	}
	if err := schema.Check(with(`{"properties":{"a":{"type":"integer","writeOnly":true}}}`), `{"a":{"$secret":"env:KEY"}}`); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("a secret is a text, and the plugin wants a number: %v", err)
	}
	if err := schema.Check(with(`{"writeOnly":true}`), `{"a":1}`); err != nil {
		t.Errorf("the whole: %v", err)
	}
}

// TestSecretsWithParts: what is below a place of a secret is secret, too.
func TestSecretsWithParts(t *testing.T) {
	for text, value := range map[string]string{
		`{"properties":{"a":{"type":"array","writeOnly":true,"items":{"type":"string","pattern":"^k"}}}}`:                `{"a":["hunter2"]}`,
		`{"properties":{"a":{"writeOnly":true,"properties":{"b":{"properties":{"c":{"type":"integer","maximum":1}}}}}}}`: `{"a":{"b":{"c":4711}}}`,
		`{"properties":{"a":{"writeOnly":true,"propertyNames":{"pattern":"^k"}}}}`:                                       `{"a":{"hunter2":1}}`,
		`{"properties":{"a":{"writeOnly":true,"additionalProperties":false}}}`:                                           `{"a":{"hunter2":1}}`,
	} {
		err := schema.Check(with(text), value)
		if !errors.Is(err, schema.ErrInvalid) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), "a: is a secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestReferencesAnywhere: nobody knows what a secret is like, also where the schema does not
// call it one.
func TestReferencesAnywhere(t *testing.T) {
	for _, form := range []string{`"pattern":"^a"`, `"maxLength":8`, `"minLength":80`, `"enum":["a"]`, `"const":"a"`, `"not":{"maxLength":40}`} {
		m := with(`{"properties":{"a":{"type":"string",` + form + `}}}`)
		if err := schema.Check(m, `{"a":{"$secret":"env:KEY"}}`); err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if err := schema.Check(m, `{"a":"zzzzzzzzz"}`); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", form, err)
		}
	}
	if err := schema.Check(with(`{"properties":{"a":{"type":"integer"}}}`), `{"a":{"$secret":"env:KEY"}}`); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("a text in place of a number: %v", err)
	}
}

// TestHugeNumbers would take a second each hundred; no plugin can read one.
func TestHugeNumbers(t *testing.T) {
	for _, n := range []string{"1e999999", "-1e400", "1e-999999", "1" + strings.Repeat("0", 400)} {
		for _, text := range []string{`{"properties":{"a":{"minimum":` + n + `}}}`, `{"$defs":{"x":{"enum":[` + n + `]}}}`} {
			if err := schema.Valid(text); err == nil || !strings.Contains(err.Error(), "number") {
				t.Errorf("%.100s: %v", text, err)
			}
		}
		if _, err := config.Parse([]byte(`{"a":[` + n + `]}`)); !errors.Is(err, config.ErrForm) || !strings.Contains(err.Error(), "a.0: ") {
			t.Errorf("%.100s: %v", n, err)
		}
	}
	for _, n := range []string{"1e308", "-5e-300", "0e999999", "1.10", "18446744073709551616"} {
		if err := errors.Join(schema.Valid(`{"properties":{"a":{"minimum":`+n+`}}}`), schema.Check(with(`{}`), `{"a":`+n+`}`)); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// FuzzCheck: whatever a plugin says of its configuration, a check ends and does not panic.
func FuzzCheck(f *testing.F) {
	f.Add(mail, `{"host":"x","servers":{"a":{"key":{"$secret":"env:A"}}}}`)
	f.Add(`{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}`, `{"a":[1]}`)
	f.Add(`{"properties":{"a":{"prefixItems":[{"writeOnly":true}],"items":false}}}`, `{"a":["x",2]}`)
	f.Add(`{"$dynamicAnchor":"n","properties":{"a":{"$dynamicRef":"#n"}}}`, `{"a":{"a":{}}}`)
	f.Fuzz(func(t *testing.T, text, value string) {
		err := schema.Check(with(text), value)
		if _, bad := config.Parse([]byte(value)); bad != nil && err == nil {
			t.Errorf("%q is a configuration: %v", value, bad)
		}
		schema.Value(with(text), "a.b", value)
	})
}
