package config

import (
	"cmp"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// shortest is the length from which a secret is looked for in logs, in bytes: shorter ones are
// parts of ordinary words.
const shortest = 4

const stars = "*****"

// Redactor knows the secrets that a plugin was given and puts stars in their place. Its zero
// value knows none. It is safe for concurrent use.
type Redactor struct {
	known atomic.Pointer[known]
}

type known struct {
	words []string // the longest first
	stars *strings.Replacer
}

// Learn adds secrets. Those from before stay known: the plugin may still have them. Of one with
// several lines each line is looked for, and what JSON and quotes make of it. What has less than
// 4 bytes is left.
func (r *Redactor) Learn(secrets ...string) {
	for {
		old := r.known.Load()
		var words []string
		if old != nil {
			words = slices.Clone(old.words)
		}
		for _, s := range secrets {
			for _, word := range append(strings.Split(s, "\n"), s) { // logs are made of lines
				if word = strings.TrimSpace(word); len(word) >= shortest {
					words = append(words, word)
					words = append(words, escaped(word)...)
				}
			}
		}
		slices.SortFunc(words, func(a, b string) int { // the longest of several that match
			return cmp.Or(len(b)-len(a), strings.Compare(a, b))
		})
		words = slices.Compact(words)
		if old == nil && words == nil || old != nil && len(words) == len(old.words) {
			return
		}
		var pairs []string
		for _, word := range words {
			pairs = append(pairs, word, stars)
		}
		if r.known.CompareAndSwap(old, &known{words, strings.NewReplacer(pairs...)}) {
			return
		}
	}
}

// escaped lists how a word may stand in JSON and in quotes of Go.
func escaped(word string) []string {
	inside := func(s string) string { return s[1 : len(s)-1] }
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(word) // a text
	html, _ := json.Marshal(word)
	return []string{inside(strings.TrimSuffix(plain.String(), "\n")), inside(string(html)), inside(strconv.Quote(word))}
}

// Text returns s with stars in place of secrets.
func (r *Redactor) Text(s string) string {
	if k := r.known.Load(); k != nil {
		return k.stars.Replace(s)
	}
	return s
}

// Error returns err, or, if its text has a secret in it, an error with stars there that is of
// the same classes.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := r.Text(text); clean != text {
		return &redacted{clean, err}
	}
	return err
}

// redacted keeps what lies below from being shown.
type redacted struct {
	text string
	err  error
}

// Error implements error.
func (e *redacted) Error() string { return e.text }

// Is tells the classes of what lies below.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

// Handler returns a handler that puts stars in place of secrets in the messages, keys and
// values of records, for h; also of those that r learns later.
func (r *Redactor) Handler(h slog.Handler) slog.Handler { return &handler{h, r} }

type handler struct {
	slog.Handler
	r *Redactor
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	if h.r.known.Load() == nil {
		return h.Handler.Handle(ctx, rec)
	}
	out := slog.NewRecord(rec.Time, rec.Level, h.r.Text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = h.attr(a)
	}
	return &handler{h.Handler.WithAttrs(out), h.r}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.r}
}

// forms returns the texts that handlers may write for v: what is printed, the bytes that it
// holds, and what it is as a text and in JSON.
func forms(v any) []string {
	out := []string{fmt.Sprintf("%+v", v)}
	if x := reflect.ValueOf(v); x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Uint8 {
		out = append(out, string(x.Bytes()))
	}
	if x, ok := v.(encoding.TextMarshaler); ok {
		out = append(out, written(x.MarshalText))
	}
	var plain any // without the escapes of JSON
	if json.Unmarshal([]byte(written(func() ([]byte, error) { return json.Marshal(v) })), &plain) == nil {
		out = append(out, fmt.Sprint(plain))
	}
	return out
}

// written returns what f writes, or nothing if it fails. A value that panics is the handler's
// to deal with.
func written(f func() ([]byte, error)) string {
	defer func() { _ = recover() }()
	b, err := f()
	if err != nil {
		return ""
	}
	return string(b)
}

func (h *handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(h.r.Text(v.String()))
	case slog.KindGroup:
		var group []slog.Attr
		for _, x := range v.Group() {
			group = append(group, h.attr(x))
		}
		v = slog.GroupValue(group...)
	case slog.KindAny:
		for _, text := range forms(v.Any()) {
			if clean := h.r.Text(text); clean != text {
				v = slog.StringValue(clean)
				break
			}
		}
	}
	return slog.Attr{Key: h.r.Text(a.Key), Value: v}
}
