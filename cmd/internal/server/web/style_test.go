package web

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func styleSheet(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTextOfStrangersWraps lists where lines may not break. All of it is short text of
// ours: a name, a version or a reason there would push the page wider than a phone.
func TestTextOfStrangersWraps(t *testing.T) {
	want := []string{"button", ".badge", ".versions td:nth-child(2)"}
	var got []string
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(styleSheet(t), -1) {
		if strings.Contains(m[2], "nowrap") {
			got = append(got, strings.TrimSpace(m[1]))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines may not break in %q, want %q", got, want)
	}
}
