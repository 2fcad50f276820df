package web

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 100 << 10: "100 KiB", 1<<20 - 1: "1.0 MiB", 5 << 20: "5.0 MiB",
		1 << 30: "1.0 GiB", 5000 << 30: "5000 GiB", math.MaxInt64: "8589934592 GiB",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

var token = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

// TestContrast computes the contrast of every pair of colours that the style sheet
// puts together, light and dark, by the formula of WCAG 2.
func TestContrast(t *testing.T) {
	b, err := os.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(b), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark colours")
	}
	for name, css := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]float64{}
		for _, m := range token.FindAllStringSubmatch(css, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, pair := range []struct {
			text, ground string
			want         float64
		}{
			{"text", "bg", 7},
			{"text", "surface", 7},
			{"muted", "bg", 4.5},
			{"muted", "surface", 4.5},
			{"accent", "bg", 4.5},
			{"accent", "surface", 4.5},
			{"on-accent", "accent", 4.5},
			{"ok", "ok-tint", 4.5},
			{"warn", "warn-tint", 4.5},
			{"danger", "danger-tint", 4.5},
			{"control", "bg", 3},
			{"control", "surface", 3},
		} {
			a, ok1 := colour[pair.text]
			b, ok2 := colour[pair.ground]
			if got := (max(a, b) + .05) / (min(a, b) + .05); !ok1 || !ok2 || got < pair.want {
				t.Errorf("%s: %s on %s has contrast %.1f, want %.1f", name, pair.text, pair.ground, got, pair.want)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		s := float64(c&255) / 255
		if s <= .04045 {
			return s / 12.92
		}
		return math.Pow((s+.055)/1.055, 2.4)
	}
	return .2126*linear(n>>16) + .7152*linear(n>>8) + .0722*linear(n)
}
