package settings_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/server/settings"
)

// TestReference compares the reference page with the table, and reads its example.
func TestReference(t *testing.T) {
	const path = "../../../../docs/reference/registry-settings.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, s := range settings.All() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Key, value, s.Help)
	}
	if !strings.Contains(string(page), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("%s: want this table:\n%s", path, want.String())
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if got, err := settings.Parse("example", []byte(example)); !ok || err != nil || len(got) != 6 {
		t.Errorf("the example: %v, %v", got, err)
	}
}
