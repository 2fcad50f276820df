package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var sample = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```\\w+\n(.*?)```")

// TestSamplesAreFiles compares the samples of the README with the files they name,
// which are built and tested as modules of their own.
func TestSamplesAreFiles(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := sample.FindAllStringSubmatch(string(b), -1)
	if len(list) < 4 {
		t.Fatalf("only %d samples", len(list))
	}
	for _, m := range list {
		file, err := os.ReadFile(filepath.Join(root, m[1]))
		if err != nil {
			t.Fatal(err)
		}
		if string(file) != m[2] {
			t.Errorf("README.md: the sample is not %s", m[1])
		}
	}
}

func TestSampleSizes(t *testing.T) {
	for name, limit := range map[string]int{"examples/hello/host/main.go": 25, "examples/hello/hello/hello.go": 12} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for l := range strings.Lines(string(b)) {
			if s := strings.TrimSpace(l); s != "" && !strings.HasPrefix(s, "//") {
				lines++
			}
		}
		if lines > limit {
			t.Errorf("%s has %d lines of code, the README promises %d", name, lines, limit)
		}
	}
}

var fence = regexp.MustCompile("(?s)```.*?```")

var link = regexp.MustCompile(`\]\(([^)#]+)\)`)

// TestLinksLeadSomewhere follows the relative links of all documents.
func TestLinksLeadSomewhere(t *testing.T) {
	n := 0
	for _, pattern := range []string{"*.md", "docs/*/*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(b), ""), -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				n++
				if _, err := os.Stat(filepath.Join(filepath.Dir(f), m[1])); err != nil {
					t.Errorf("%s: link to %s: %v", f, m[1], err)
				}
			}
		}
	}
	if n == 0 {
		t.Fatal("no links found")
	}
}
