package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// differences are cases in which our rules give another answer on purpose.
var differences = map[string]string{
	"traverse into package with fewer versions first": "what the user asked for first gets its newest version; the case wants the package with fewer versions to",

	"package-only-prereleases-in-range":                               "Python takes a pre-release only if the range names one; the cases say intervals, so every pre-release in them is taken",
	"package-prerelease-specified-mixed-available":                    "a stable version goes before every pre-release, also if the range names one",
	"package-prereleases-specifier-boundary":                          "a stable version goes before every pre-release",
	"transitive-package-only-prereleases-in-range":                    "as package-only-prereleases-in-range",
	"transitive-prerelease-and-stable-dependency":                     "as package-only-prereleases-in-range",
	"transitive-prerelease-and-stable-dependency-many-versions":       "as package-only-prereleases-in-range",
	"transitive-prerelease-and-stable-dependency-many-versions-holes": "as package-only-prereleases-in-range",
}

func data(t testing.TB) string {
	dir := os.Getenv("PLUGSTEAD_RESOLVER_DATA")
	if dir == "" {
		t.Skip("PLUGSTEAD_RESOLVER_DATA is not set")
	}
	return dir
}

// TestOpenCases compares answers with those that other resolvers expect.
func TestOpenCases(t *testing.T) {
	dir, seen := data(t), map[string]bool{}
	for _, folder := range []string{"dartpub", "packse"} {
		if err := each(filepath.Join(dir, folder), func(file string) error {
			l, err := check(file, options{runs: 1})
			if err != nil {
				return err
			}
			var want struct {
				Status   string
				Solution map[string]string
			}
			if err := json.Unmarshal(l.Expected, &want); err != nil {
				return err
			}
			if l.Wrong > 0 {
				t.Errorf("%s: the checker refuses the answer", l.Name)
			}
			same := l.Status == want.Status && (want.Solution == nil || l.Status == "unsat" || maps.Equal(l.Solution, want.Solution))
			if _, differs := differences[l.Name]; same == differs {
				t.Errorf("%s: %s %v, want %s %v", l.Name, l.Status, l.Solution, want.Status, want.Solution)
			}
			seen[l.Name] = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 80 {
		t.Errorf("only %d cases", len(seen))
	}
	for name := range differences {
		if !seen[name] {
			t.Errorf("no case is called %s", name)
		}
	}
}

// TestLargeUniverse solves every version of it as a root.
func TestLargeUniverse(t *testing.T) {
	l, err := check(filepath.Join(data(t), "large", "universe-large_case.json"), options{roots: "all", runs: 1})
	if err != nil || l.Roots != 641 || l.Sat != 593 || l.Unsat != 48 || l.Wrong != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
}

// TestForms reads both forms with everything a version can have.
func TestForms(t *testing.T) {
	dir := t.TempDir()
	universe := `{"format":"runiverse/1","packages":{
		"a":[{"v":"1","deps":[{"p":"b","iv":[[0,1]]},{"p":"kv","iv":[]}]},{"v":"2","deps":[{"p":"b","iv":[[1,2]]}],"conflicts":[{"p":"c","iv":[[0,1]]}]}],
		"b":[{"v":"1","deps":[]},{"v":"2-rc","pre":true,"deps":[]}],
		"c":[{"v":"1","deps":[{"p":"b","optional":true,"iv":[[0,1]]}],"provides":["kv"]},{"v":"2","yanked":true,"deps":[]}]}}`
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("u.json", universe)
	for name, c := range map[string]struct {
		root, locked, want string
	}{
		"newest":    {`[{"p":"a","iv":[[0,2]]}]`, `{}`, `{"a":"2","b":"2-rc"}`},
		"conflict":  {`[{"p":"c","iv":[[0,2]]},{"p":"a","iv":[[0,2]]}]`, `{}`, `{"a":"1","b":"1","c":"1"}`},
		"provider":  {`[{"p":"a","iv":[[0,1]]}]`, `{}`, `{"a":"1","b":"1","c":"1"}`},
		"preferred": {`[{"p":"b","iv":[[0,2]]}]`, `{"b":"2-rc"}`, `{"b":"2-rc"}`},
		"yanked":    {`[{"p":"c","raw":"==2","iv":[[1,2]]}]`, `{}`, `{"c":"2"}`}, // named exactly
		"unknown":   {`[{"p":"x","iv":[]}]`, `{}`, ``},
	} {
		file := write("case.json", `{"format":"rcase/1","name":"x","universe":"u.json","root":`+c.root+`,"locked":`+c.locked+`,"expected":{}}`)
		l, err := check(file, options{runs: 1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want map[string]string
		if c.want != "" {
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(l.Solution, want) || l.Wrong != 0 || (l.Status == "sat") != (want != nil) {
			t.Errorf("%s: %+v, want %v", name, l, want)
		}
	}
	for _, mode := range []string{"all", "latest", "top:2", "bundle:2"} {
		l, err := check(filepath.Join(dir, "u.json"), options{roots: mode, runs: 1, conflicts: true, suggest: true})
		if err != nil || l.Wrong != 0 || l.Roots != map[string]int{"all": 6, "latest": 3, "top:2": 2, "bundle:2": 1}[mode] {
			t.Errorf("%s: %+v, %v", mode, l, err)
		}
	}
	for _, bad := range []string{`{`, `{"format":"x"}`, `{"format":"rcase/1","universe":"none.json"}`, `{"format":"rcase/1","universe":{"format":"y"}}`} {
		if _, err := check(write("bad.json", bad), options{}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := check(filepath.Join(dir, "u.json"), options{roots: "some"}); err == nil {
		t.Error("no error for a bad mode")
	}
}
