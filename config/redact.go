package config

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// shortest is the length from which a secret is looked for in logs, in bytes: shorter ones are
// parts of ordinary words.
const shortest = 4

const stars = "*****"

// Redact returns a handler that puts stars in place of secrets in the messages and values of
// records, for h. Secrets of less than 4 bytes are left.
func Redact(h slog.Handler, secrets []string) slog.Handler {
	var pairs []string
	long := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < shortest })
	slices.SortFunc(long, func(a, b string) int { return len(b) - len(a) }) // the longest of several that match
	for _, s := range long {
		pairs = append(pairs, s, stars)
	}
	if pairs == nil {
		return h
	}
	return &redactor{h, strings.NewReplacer(pairs...)}
}

type redactor struct {
	slog.Handler
	stars *strings.Replacer
}

// Handle implements slog.Handler.
func (r *redactor) Handle(ctx context.Context, rec slog.Record) error {
	out := slog.NewRecord(rec.Time, rec.Level, r.stars.Replace(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(r.attr(a))
		return true
	})
	return r.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (r *redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = r.attr(a)
	}
	return &redactor{r.Handler.WithAttrs(out), r.stars}
}

// WithGroup implements slog.Handler.
func (r *redactor) WithGroup(name string) slog.Handler {
	return &redactor{r.Handler.WithGroup(name), r.stars}
}

func (r *redactor) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(r.stars.Replace(v.String()))
	case slog.KindGroup:
		var group []slog.Attr
		for _, x := range v.Group() {
			group = append(group, r.attr(x))
		}
		v = slog.GroupValue(group...)
	case slog.KindAny:
		text := fmt.Sprint(v.Any())
		if clean := r.stars.Replace(text); clean != text {
			v = slog.StringValue(clean)
		}
	}
	return slog.Attr{Key: r.stars.Replace(a.Key), Value: v}
}
