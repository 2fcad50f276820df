package plugcobra_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/update"
)

// TestEventsAreDocumented compares a change in which everything happens with the page.
func TestEventsAreDocumented(t *testing.T) {
	page := read(t, "../docs/reference/json-events.md")
	for _, word := range []string{"step", "progress", "fetched", "result", "resolve", "fetch", "install", "probe", "switch"} {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("the page lacks %s", word)
		}
	}
	for _, a := range []update.Action{update.Install, update.Update, update.Downgrade, update.Replace, update.Remove} {
		if word := strings.TrimSuffix(string(a), "e") + "ed"; !strings.Contains(page, "`"+word+"`") {
			t.Errorf("the page lacks %s", word)
		}
	}
	_, example, _ := strings.Cut(page, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	if n := len(eventWords(t, example, 421888)); n != 7 { // all but that of progress
		t.Errorf("the example has %d documents", n)
	}
}

// TestChecksAreDocumented compares what doctor says with the page.
func TestChecksAreDocumented(t *testing.T) {
	page := read(t, "../docs/reference/doctor.md")
	t.Setenv("PLUGSTEAD_CACHE", t.TempDir())
	k := newClinic(t)
	k.o.Mirrors = []string{shelf(t).URL} // or there is no check of mirrors
	out, err := k.run("doctor --json")
	var x struct {
		Result struct{ Checks []struct{ Name string } }
	}
	if jerr := json.Unmarshal([]byte(out), &x); err != nil || jerr != nil {
		t.Fatal(err, jerr)
	}
	seen := map[string]bool{}
	for _, c := range x.Result.Checks {
		seen[c.Name] = true
		if !strings.Contains(page, "| `"+c.Name+"` |") {
			t.Errorf("the page lacks %s", c.Name)
		}
	}
	if rows := strings.Count(page, "\n| `"); rows != len(seen) {
		t.Errorf("the page has %d checks, doctor %d", rows, len(seen))
	}
}
