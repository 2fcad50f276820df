package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	object, err := Parse([]byte(`{"n": 9007199254740993, "list": [1, {"$secret": "env:A"}], "deep": {"x": null}}`))
	if err != nil || object["n"] != json.Number("9007199254740993") {
		t.Fatal(object, err)
	}
	text, err := Text(object)
	if err != nil || text != `{"deep":{"x":null},"list":[1,{"$secret":"env:A"}],"n":9007199254740993}` {
		t.Error(text, err)
	}
	for _, bad := range []string{
		"", "null", "[]", `"x"`, `{"a":1,"a":2}`, `{"a":1} {}`, `{"a":`, `{"$secret":"x"}`, `{"$secret":"env:A"}`, `{"a":{"$secret":"env:"}}`, `{"a":{"$secret":"env:A","b":1}}`,
		`{"a":{"$secret":1}}`, `{"a":{"$secret":"file:relative"}}`, `{"a":{"$secret":"http://x"}}`, `{"a":"` + strings.Repeat("x", MaxSize) + `"}`,
		strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), "{\"a\":\"\xff\"}",
	} {
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrForm) {
			t.Errorf("%.60s: %v", bad, err)
		}
	}
}

func TestSet(t *testing.T) {
	object := map[string]any{"a": "x", "list": []any{"y"}, "s": Ref("env:A").Value()}
	for path, ok := range map[string]bool{"b": true, "c.d.e": true, "": false, ".x": false, "x..y": false, "a.b": false, "$secret": false, "q.$secret": false, "s.more": false} {
		if err := Set(object, path, "v"); (err == nil) != ok {
			t.Errorf("set %q: %v", path, err)
		}
	}
	for path, want := range map[string]any{"b": "v", "c.d.e": "v", "list.0": "y", "a": "x", "": object} {
		if got, ok := Get(object, path); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("get %q: %v", path, got)
		}
	}
	for _, path := range []string{"z", "list.1", "list.x", "a.b", "c.d.e.f"} {
		if got, ok := Get(object, path); ok {
			t.Errorf("get %q: %v", path, got)
		}
	}
	for _, path := range []string{"b", "c.d", "z.y", "a.b"} {
		if err := Unset(object, path); err != nil {
			t.Errorf("unset %q: %v", path, err)
		}
	}
	if err := Unset(object, "."); !errors.Is(err, ErrForm) {
		t.Error(err)
	}
	if text, _ := Text(object); text != `{"a":"x","c":{},"list":["y"],"s":{"$secret":"env:A"}}` {
		t.Error(text)
	}
}

func TestResolve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFIG_TEST", "hunter2")
	text := `{"a":{"$secret":"env:CONFIG_TEST"},"b":[{"$secret":"file:` + file + `"}],"n":12345678901234567890}`
	got, secrets, err := Resolve(text)
	if err != nil || string(got) != `{"a":"hunter2","b":["from a file"],"n":12345678901234567890}` {
		t.Errorf("%s, %v", got, err)
	}
	slices.Sort(secrets)
	if !slices.Equal(secrets, []string{"from a file", "hunter2"}) {
		t.Errorf("%q", secrets)
	}
	if got, _, err := Resolve(""); got != nil || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, maxSecret+1), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFIG_TEST_BYTES", "\xff\xfe")
	for _, ref := range []string{"env:CONFIG_TEST_BYTES", "env:CONFIG_TEST_UNSET", "file:" + file + ".none", "file:" + filepath.Dir(file), "file:" + large} {
		b, _ := json.Marshal(map[string]any{"k": map[string]any{"$secret": ref}})
		if _, _, err := Resolve(string(b)); !errors.Is(err, ErrSecret) || !strings.Contains(err.Error(), "k: secret "+ref) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, _, err := Resolve("{"); !errors.Is(err, ErrForm) {
		t.Error(err)
	}
	if v := WithTexts(map[string]any{"a": Ref("env:X").Value()}).(map[string]any)["a"]; v != strings.Repeat("x", 32) {
		t.Error(v)
	}
}

func TestRedact(t *testing.T) {
	var b bytes.Buffer
	var r Redactor
	log := slog.New(r.Handler(slog.NewTextHandler(&b, nil)))
	log.Info("nothing is known of hunter2")
	if !strings.Contains(b.String(), "hunter2") {
		t.Error(b.String())
	}
	b.Reset()
	log = log.With("before", "there is a secret")
	r.Learn("hunter2", "hunter2000", "abc", "")
	r.Learn("hunter2")
	log.With("w", "is hunter2").WithGroup("g").Info("key hunter2000 is abc", "text", "x hunter2 y", "n", 5, "err", errors.New("bad hunter2"), slog.Group("in", "deep", "hunter2"), "hunter2", 1, "list", []string{"hunter2"})
	out := b.String()
	if strings.Contains(out, "hunter2") || strings.Contains(out, "000 is") || !strings.Contains(out, `key ***** is abc`) || !strings.Contains(out, "g.n=5") || strings.Count(out, stars) < 7 {
		t.Error(out)
	}
	b.Reset()
	r.Learn("first line\n second line \r\n")
	log.Info("it printed second line", "whole", "first line\n second line")
	if out := b.String(); strings.Contains(out, "first") || strings.Contains(out, "second") {
		t.Error(out)
	}
	err := r.Error(fmt.Errorf("%w: hunter2 is wrong", ErrSecret))
	if err.Error() != "secret: ***** is wrong" || !errors.Is(err, ErrSecret) || errors.Unwrap(err) != nil {
		t.Error(err)
	}
	if r.Error(ErrForm) != ErrForm || r.Error(nil) != nil {
		t.Error("an error without a secret is another one")
	}
}

// brittle breaks when it is written.
type brittle struct{}

func (*brittle) MarshalText() ([]byte, error) { panic("brittle") }

// TestRedactForms: a secret is found in whatever form a handler writes a value.
func TestRedactForms(t *testing.T) {
	const secret = `hunt"er <2>`
	hidden := struct {
		Password *string
	}{new(secret)}
	for name, v := range map[string]any{
		"bytes": []byte(secret), "raw": json.RawMessage(`"` + secret + `"`), "text": texts(secret), "pointer": hidden,
		"pointers": []*struct{ Password string }{{secret}},
	} {
		for _, format := range []string{"text", "json"} {
			var b bytes.Buffer
			var h slog.Handler = slog.NewTextHandler(&b, nil)
			if format == "json" {
				h = slog.NewJSONHandler(&b, nil)
			}
			var r Redactor
			r.Learn(secret)
			slog.New(r.Handler(h)).Info("x", "v", v)
			out := b.String()
			if strings.Contains(out, "hunt") || strings.Contains(out, "aHVudCJlciA8Mj4") || !strings.Contains(out, stars) {
				t.Errorf("%s, %s: %s", name, format, out)
			}
		}
	}
	var r Redactor
	r.Learn(secret)
	var b bytes.Buffer
	slog.New(r.Handler(slog.NewJSONHandler(&b, nil))).Info("x", "v", new(brittle), "list", []int{1}, "c", make(chan int))
	if out := b.String(); !strings.Contains(out, `"list":[1]`) {
		t.Error(out)
	}
}

// texts writes itself as a text, and is printed as something else.
type texts string

func (x texts) MarshalText() ([]byte, error) { return []byte(x), nil }
func (texts) String() string                 { return "texts" }

// FuzzParse: what is taken can be written, read again and resolved without a panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":{"$secret":"env:A"},"b":[1,{"c":null}]}`))
	f.Add([]byte(`{"$secret":"file:/x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		object, err := Parse(b)
		if err != nil {
			return
		}
		text, err := Text(object)
		if err != nil {
			return // longer than what was read
		}
		again, err := Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(again, object) {
			t.Errorf("%q became %q, %v", b, text, err)
		}
		WithTexts(object)
	})
}

// hidden shows its text to some handlers only.
type hidden struct {
	Inner *struct{ Key string }
	text  string
}

func (h *hidden) MarshalText() ([]byte, error) { return []byte(h.text), nil }

// broken cannot be written.
type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { panic("broken") }

// TestRedactValues: handlers write values in their own ways.
func TestRedactValues(t *testing.T) {
	var r Redactor
	r.Learn("hunter2")
	for name, v := range map[string]any{
		"bytes": []byte("it is hunter2"), "JSON": json.RawMessage(`{"a":"hunter2"}`), "text": &hidden{text: "hunter2"},
		"pointer": &struct{ Inner *struct{ Key string } }{&struct{ Key string }{"hunter2"}}, "map": map[string]any{"a": []any{"hunter2"}},
	} {
		for form, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(r.Handler(handler(&b))).With("w", v).Info("x", "v", v)
			if strings.Contains(b.String(), "hunter2") || strings.Count(b.String(), stars) != 2 {
				t.Errorf("%s, %s: %s", name, form, b.String())
			}
		}
	}
	var b bytes.Buffer
	slog.New(r.Handler(slog.NewJSONHandler(&b, nil))).Info("x", "v", map[string]int{"a": 1})
	slog.New(r.Handler(slog.NewJSONHandler(&b, nil))).Info("x", "v", (*hidden)(nil), "w", broken{})
	if !strings.Contains(b.String(), `{"a":1}`) || !strings.Contains(b.String(), "PANIC") {
		t.Errorf("without a secret: %s", b.String())
	}
}

// TestRedactEscaped: plugins print what they have as JSON or quoted.
func TestRedactEscaped(t *testing.T) {
	const secret = `p&ss<"w\rd`
	var r Redactor
	r.Learn(secret)
	marshalled, _ := json.Marshal(map[string]string{"a": secret})
	text, _ := Text(map[string]any{"a": secret})
	for _, said := range []string{string(marshalled), text, fmt.Sprintf("%q", secret), fmt.Sprintf("%#v", []string{secret}), secret} {
		if got := r.Text(said); strings.Contains(got, "p&") || strings.Contains(got, `ss`) || !strings.Contains(got, stars) {
			t.Errorf("%s became %s", said, got)
		}
	}
	var b bytes.Buffer
	slog.New(r.Handler(slog.NewJSONHandler(&b, nil))).Info("x", "v", map[string]any{"a": secret})
	if strings.Contains(b.String(), "ss") || !strings.Contains(b.String(), stars) {
		t.Errorf("%s", b.String())
	}
}
