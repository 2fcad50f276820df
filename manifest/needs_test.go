package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// TestChoicesKeepTheirOrder: what stands first is preferred, so no step from the hand of
// the author to plugin.json and back may sort it. Other lists are sorted.
func TestChoicesKeepTheirOrder(t *testing.T) {
	m, err := manifest.ParseYAML("plugin.yaml", files(t, "valid")["choices.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	want := `"requires":[{"id":"acme/early","range":">=1 <3","init":true},{"id":"acme/late","range":"*","optional":true,"init":true},{"id":"acme/never","range":"1.x"}],` +
		`"any_of":[[{"id":"zed/first","range":"^2"},{"id":"acme/second","range":"*"},{"id":"acme/any_of.1","range":">=0.1 <2"}],` +
		`[{"id":"acme/second","range":"^1"},{"id":"zed/first","range":"^1"}],[{"id":"acme/second","range":"^1"},{"id":"zed/first","range":"^2"}]],` +
		`"offers":[{"id":"acme/kv","version":"0.0.1"},{"id":"acme/kv.store","version":"10.0.0"},{"id":"zed/kv","version":"1.10.0"}],`
	for range 2 {
		raw, err := m.JSON()
		if err != nil || !strings.Contains(string(raw), want) {
			t.Fatalf("%s, %v", raw, err)
		}
		if m, err = manifest.Parse(raw); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOfferCheck(t *testing.T) {
	for text, ok := range map[string]bool{
		"acme/kv 1.1.0": true, "acme/kv 0.0.1": true, "acme/kv 9999.0.0": true,
		"acme/kv 0.0.0": false, "acme/kv 1.0.0-rc.1": false, "acme/kv 1.0.0+b": false, "kv 1.0.0": false, "Acme/kv 1.0.0": false, "acme/../kv 1.0.0": false,
	} {
		id, v, _ := strings.Cut(text, " ")
		x, err := version.Parse(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := (manifest.Offer{ID: manifest.ID(id), Version: x}).Check(); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestListsOfNeedsHaveLimits has as many names as allowed, and one more.
func TestListsOfNeedsHaveLimits(t *testing.T) {
	list := func(n int, entry string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, entry, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		most        int
		open, entry string
		end         string
	}{
		"offers":   {20, "offers: {", "a/p%d: 1.0.0,", "}"},
		"requires": {200, "requires: {", "a/p%d: {range: '1', init: true},", "}"},
		"choices":  {200, "any_of: [", "{a/x: '1', a/p%d: '1'},", "]"},
		"names":    {20, "any_of: [{", "a/p%d: '1',", "}]"},
	} {
		for n, ok := range map[int]bool{c.most: true, c.most + 1: false} {
			text := "id: a/b\nversion: 1.0.0\nruntimes: {wasm: {module: m}}\n" + c.open + list(n, c.entry) + c.end
			_, err := manifest.ParseYAML("plugin.yaml", []byte(text))
			if (err == nil) != ok || !ok && !strings.Contains(err.Error(), fmt.Sprintf("%d entries, more than the limit of %d", n, c.most)) {
				t.Errorf("%d %s: %v", n, name, err)
			}
		}
	}
}
