package resolve_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
)

const (
	specFile   = "../docs/spec/resolve-failure.md"
	specSchema = "../docs/spec/resolve-failure.schema.json"
	specDir    = "../docs/spec/testdata/resolve-failure"
)

// specVector is a file of testdata/resolve-failure.
type specVector struct {
	About    string          `json:"about"`
	Universe []string        `json:"universe"`
	Ask      []string        `json:"ask"`
	Failure  json.RawMessage `json:"failure"`
}

func (v *specVector) problem(t testing.TB) (resolvetest.Universe, resolve.Problem) {
	t.Helper()
	return parse(t, strings.Join(v.Universe, "\n")), problem(t, v.Ask...)
}

func (v *specVector) failure(t testing.TB) *resolve.Failure {
	t.Helper()
	f := new(resolve.Failure)
	if err := json.Unmarshal(v.Failure, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// specVectors reads the vectors. With -update their failures are made anew.
func specVectors(t testing.TB) map[string]*specVector {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(specDir, "*.json"))
	if err != nil || len(names) < 5 {
		t.Fatalf("%d vectors, %v", len(names), err)
	}
	out := map[string]*specVector{}
	for _, n := range names {
		raw, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		v := new(specVector)
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		if *update {
			v.Failure, err = json.Marshal(failed(t, v))
			if err == nil {
				err = os.WriteFile(n, v.text(t), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		out[filepath.Base(n)] = v
	}
	return out
}

// failed solves the problem of a vector, which has no solution.
func failed(t testing.TB, v *specVector) *resolve.Failure {
	t.Helper()
	u, p := v.problem(t)
	_, err := resolve.Solve(t.Context(), u, p)
	f, ok := errors.AsType[*resolve.Failure](err)
	if !ok {
		t.Fatalf("%v: %v is no failure", v.Universe, err)
	}
	return f
}

// text writes a vector for people: one line for each plugin, node, fact and suggestion.
func (v *specVector) text(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	all := b.String()
	for _, key := range []string{"universe", "ask", "failure", "format", "kind", "lead", "facts", "plugins", "nodes", "suggestions", "searched"} {
		all = strings.Replace(all, `,"`+key+`":`, ",\n"+`"`+key+`":`, 1)
	}
	all = strings.NewReplacer(`},{"plugin":"`, "},\n  "+`{"plugin":"`, `},{"kind":`, "},\n  "+`{"kind":`, `},{"do":`, "},\n  "+`{"do":`, `[{`, "[\n  {").Replace(all)
	return []byte(strings.NewReplacer(`"terms":[`+"\n  {", `"terms":[{`, `"causes":[`+"\n  {", `"causes":[{`).Replace(all))
}

func failureSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(specSchema)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits validates bytes of a failure with the schema.
func fits(s *jsonschema.Schema, raw []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// refuted tries every assignment of states: a proof holds if each makes all terms of some
// statement from outside true, which cannot be, and if no conclusion says more than the
// statements from outside do. It returns false for proofs too large to try.
func refuted(f *resolve.Failure) (tried bool, err error) {
	total := 1
	for _, k := range f.Plugins {
		if total *= len(k.Versions) + 1; total > 3000 {
			return false, nil
		}
	}
	state := make([]int, len(f.Plugins))
	for n := range total {
		for i, k := range f.Plugins {
			state[i], n = n%(len(k.Versions)+1), n/(len(k.Versions)+1)
		}
		outside := false
		for _, node := range f.Nodes {
			outside = outside || node.Kind != resolve.NodeDerived && violates(node, state)
		}
		if !outside {
			return true, fmt.Errorf("states %v break nothing", state)
		}
	}
	return true, nil
}

func violates(n resolve.Node, state []int) bool {
	for _, t := range n.Terms {
		if !slices.ContainsFunc(t.States, func(s [2]int) bool { return state[t.Plugin] >= s[0] && state[t.Plugin] < s[1] }) {
			return false
		}
	}
	return true
}

// TestFailureVectors reads the vectors as a program of somebody else would write them.
func TestFailureVectors(t *testing.T) {
	s, kinds := failureSchema(t), map[resolve.NodeKind]bool{}
	for name, v := range specVectors(t) {
		u, p := v.problem(t)
		f := v.failure(t)
		if err := fits(s, v.Failure); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := resolvetest.CheckFailure(t.Context(), u, p, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if tried, err := refuted(f); !tried || err != nil {
			t.Errorf("%s: %v %v", name, tried, err)
		}
		if now := failed(t, v); now.Kind != f.Kind || now.ID != f.ID || now.Error() != f.Error() {
			t.Errorf("%s: this program says\n%s\nthe vector says\n%s", name, now, f)
		}
		for _, n := range f.Nodes {
			kinds[n.Kind] = true
		}
		again, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := errors.Join(json.Unmarshal(again, &a), json.Unmarshal(v.Failure, &b)); err != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: written again it is another:\n%s\n%v", name, again, err)
		}
		if raw, err := os.ReadFile(filepath.Join(specDir, name)); err != nil || !bytes.Equal(raw, v.text(t)) {
			t.Errorf("%s is not laid out as the others; run the tests with -update", name)
		}
	}
	for _, k := range []resolve.NodeKind{
		resolve.NodeWish, resolve.NodeRequires, resolve.NodeOptional, resolve.NodeConflicts, resolve.NodeAnyOf, resolve.NodeOption, resolve.NodeDerived,
		"host", "point", "platform", "yanked", "blocked", "provider",
	} {
		if !kinds[k] {
			t.Errorf("no vector has a node %s", k)
		}
	}
}

// TestSpoiledVectors: a checker that takes a proof with another state, cause or kind would
// take any.
func TestSpoiledVectors(t *testing.T) {
	refused := 0
	for name, v := range specVectors(t) {
		u, p := v.problem(t)
		for i, n := range v.failure(t).Nodes {
			spoil := func(what string, change func(*resolve.Node)) {
				f := v.failure(t)
				change(&f.Nodes[i])
				if resolvetest.CheckFailure(t.Context(), u, p, f) == nil {
					t.Errorf("%s: node %d, %s: %s is taken", name, i, n.Kind, what)
				}
				refused++
			}
			for j := range n.Terms {
				spoil("a term left out", func(n *resolve.Node) { n.Terms = slices.Delete(n.Terms, j, j+1) })
			}
			for j := range n.Causes {
				spoil("a cause left out", func(n *resolve.Node) { n.Causes = slices.Delete(n.Causes, j, j+1) })
				spoil("a cause behind", func(n *resolve.Node) { n.Causes[j].Node = i })
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d changes were tried", refused)
	}
}

// TestFailuresFitTheSchema validates what the search makes of the texts of failures.txt
// and of random problems, with suggestions.
func TestFailuresFitTheSchema(t *testing.T) {
	s := failureSchema(t)
	b, err := os.ReadFile("testdata/failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	kinds, proofs := map[resolve.Kind]int{}, 0
	judge := func(u resolvetest.Universe, p resolve.Problem) {
		_, err := resolve.Solve(t.Context(), u, p)
		f, ok := errors.AsType[*resolve.Failure](err)
		if !ok {
			return
		}
		kinds[f.Kind]++
		raw, err := json.Marshal(f)
		if err == nil {
			err = fits(s, raw)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		tried, err := refuted(f)
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		if tried {
			proofs++
		}
	}
	for _, e := range strings.Split(string(b), "\n== ")[1:] {
		_, rest, _ := strings.Cut(e, "\n")
		universe, rest, _ := strings.Cut(rest, "\nask: ")
		question, _, _ := strings.Cut(rest, "\n")
		judge(parse(t, universe), ask(t, question))
	}
	eachProblem(t, 1500, func(_ generator, _ string, u resolvetest.Universe, p resolve.Problem) {
		p.NoSuggestions = false
		judge(u, p)
	})
	if len(kinds) < 15 || proofs < 300 {
		t.Errorf("little variety: %v, %d proofs tried", kinds, proofs)
	}
}

// TestSchemaOfFailuresRefuses spoils the worked example; a schema that takes anything
// helps nobody.
func TestSchemaOfFailuresRefuses(t *testing.T) {
	s, good := failureSchema(t), string(specVectors(t)["versions.json"].Failure)
	for name, c := range map[string][2]string{
		"format":            {"resolve-failure/1", "resolve-failure/2"},
		"kind":              {`"kind":"versions"`, `"kind":"vibes"`},
		"kind of a node":    {`"kind":"wish"`, `"kind":"wishes"`},
		"no terms":          {`"terms":[{"plugin":0,"states":[[0,1]],"text":"no a/app"}],"need"`, `"terms":[],"need"`},
		"no states":         {`"states":[[0,1]]`, `"states":[]`},
		"negative state":    {`"states":[[0,1]]`, `"states":[[-1,1]]`},
		"three numbers":     {`"states":[[0,1]]`, `"states":[[0,1,2]]`},
		"a wish by":         {`"need":"a/app"}`, `"need":"a/app","by":"b/b"}`},
		"no need":           {`,"need":"c/core@^1"`, ``},
		"first on":          {`"on":-1`, `"on":0`},
		"later on":          {`"on":2`, `"on":-1`},
		"unknown key":       {`"lead":`, `"score":1,"lead":`},
		"lead of two lines": {`"lead":"`, `"lead":"a\nb`},
		"name":              {`"plugin":"c/core","versions"`, `"plugin":"core","versions"`},
		"options":           {`"versions":["1.0.0","2.0.0"]`, `"versions":["1.0.0","2.0.0"],"options":true`},
		"remedy":            {`"do":"without"`, `"do":"pray"`},
		"text as a number":  {`"install":2`, `"install":"2"`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%s: no %s in %s", name, c[0], good)
		}
		if fits(s, []byte(bad)) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestFailureDocument compares the page with the vectors: its example is the file, and
// every kind has a line.
func TestFailureDocument(t *testing.T) {
	b, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(b), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	want, err := os.ReadFile(filepath.Join(specDir, "versions.json"))
	if err != nil || example != string(want) {
		t.Errorf("the example is not versions.json:\n%s\n%v", want, err)
	}
	raw, err := os.ReadFile(specSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any
		Defs       struct {
			Refusal struct{ Enum []string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil || len(schema.Properties) < 9 || len(schema.Defs.Refusal.Enum) < 10 {
		t.Fatalf("%+v, %v", schema, err)
	}
	lines := append(slices.Clone(schema.Defs.Refusal.Enum), "wish", "requires", "optional", "conflicts", "any_of", "option", "derived", "unknown", "versions", "pre-release")
	for key := range schema.Properties {
		lines = append(lines, key)
	}
	for _, k := range lines {
		if !strings.Contains(string(b), "| `"+k+"` |") {
			t.Errorf("%s has no line", k)
		}
	}
}

// TestForgedProofs has proofs that there is no solution to a problem that has one.
func TestForgedProofs(t *testing.T) {
	u, p := parse(t, "a/app 1.0.0 c/core@^1\na/app 2.0.0\nc/core 1.0.0 host=>=3"), problem(t, "a/app")
	const app, wish = `{"plugin":"a/app","versions":["1.0.0","2.0.0"]}`, `{"kind":"wish","need":"a/app","terms":[{"plugin":0,"states":[[0,1]]}]}`
	core := `{"plugin":"c/core","versions":["1.0.0"]},{"plugin":"c/core","versions":["1.0.0"]}`
	needs := `{"kind":"requires","by":"a/app","need":"c/core@^1","terms":[{"plugin":0,"states":[%s]},{"plugin":1,"states":[[0,1]]}]},
		{"kind":"host","by":"c/core","terms":[{"plugin":1,"states":[[1,2]]}]}`
	honest := fmt.Sprintf(needs, "[1,2]")
	end := `{"kind":"derived","causes":[{"node":1,"on":-1},{"node":2,"on":1},{"node":0,"on":0}],"terms":[]}`
	for name, c := range map[string]struct{ plugins, nodes, want string }{
		"nothing":             {app, `{"kind":"derived","terms":[]}`, "follows from nothing"},
		"one version left":    {app + "," + core, wish + "," + honest + "," + end, "its causes give 1 terms"},
		"a version too many":  {app + "," + core, wish + "," + fmt.Sprintf(needs, "[1,3]") + "," + end, "does not say so"},
		"a version hidden":    {`{"plugin":"a/app","versions":["1.0.0"]},` + core, wish + "," + honest + "," + end, "has 2 versions, the proof says 1"},
		"a version twice":     {`{"plugin":"a/app","versions":["1.0.0","1.0.0"]},` + core, wish + "," + fmt.Sprintf(needs, "[1,3]") + "," + end, "1.0.0 twice"},
		"a state too many":    {app + "," + core, wish + "," + fmt.Sprintf(needs, "[1,4]") + "," + end, "there are no states [1 4]"},
		"states turned round": {app + "," + core, wish + "," + fmt.Sprintf(needs, "[2,1]") + "," + end, "there are no states [2 1]"},
		"touching states":     {app + "," + core, wish + "," + fmt.Sprintf(needs, "[1,2],[2,3]") + "," + end, "there are no states [2 3]"},
		"no such plugin":      {app, `{"kind":"wish","need":"a/app","terms":[{"plugin":1,"states":[[0,1]]}]},{"kind":"derived","terms":[]}`, "there is no plugin 1"},
		"negative plugin":     {app, `{"kind":"wish","need":"a/app","terms":[{"plugin":-1,"states":[[0,1]]}]},{"kind":"derived","terms":[]}`, "there is no plugin -1"},
		"plugin twice":        {app, `{"kind":"derived","terms":[{"plugin":0,"states":[[0,1]]},{"plugin":0,"states":[[1,2]]}]},{"kind":"derived","terms":[]}`, "two terms for a/app"},
		"its own cause":       {app, wish + `,{"kind":"derived","causes":[{"node":1,"on":-1}],"terms":[]}`, "there is no cause 1"},
		"negative cause":      {app, wish + `,{"kind":"derived","causes":[{"node":-1,"on":-1}],"terms":[]}`, "there is no cause -1"},
		"on nothing":          {app, wish + `,{"kind":"derived","causes":[{"node":0,"on":-1},{"node":0,"on":9}],"terms":[]}`, "there is no cause 0 on 9"},
		"no proof":            {app, "", "does not end in nothing"},
	} {
		f := new(resolve.Failure)
		if err := json.Unmarshal([]byte(`{"format":"resolve-failure/1","plugins":[`+c.plugins+`],"nodes":[`+c.nodes+`]}`), f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := resolvetest.CheckFailure(t.Context(), u, p, f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestOption compares what an option of a choice says with the manifest: the name that is
// needed with its range, while the second term is about who offers it.
func TestOption(t *testing.T) {
	u := parse(t, "a/app 1.0.0 k/kv@^1;c/c@^2\nk/redis 3.0.0 offers=k/kv@1.2.0 !b/b\nc/c 2.0.0 !b/b\nb/b 1.0.0")
	p := problem(t, "a/app", "b/b")
	_, err := resolve.Solve(t.Context(), u, p)
	f, ok := errors.AsType[*resolve.Failure](err)
	if !ok {
		t.Fatal(err)
	}
	said := map[string]string{}
	for i, n := range f.Nodes {
		if n.Kind != resolve.NodeOption {
			continue
		}
		said[f.Plugins[n.Terms[1].Plugin].Plugin] = n.Need
		for _, other := range []string{"k/redis@^1", "k/kv@^2", "c/c", "b/b@^1", n.Need + " or " + n.Need, ""} {
			f.Nodes[i].Need = other
			if err := resolvetest.CheckFailure(t.Context(), u, p, f); err == nil {
				t.Errorf("the checker takes %q in place of %s", other, n.Need)
			}
		}
		f.Nodes[i].Need = n.Need
	}
	if len(said) != 2 || said["k/redis"] != "k/kv@^1" || said["c/c"] != "c/c@^2" {
		t.Errorf("options say %v", said)
	}
	if err := resolvetest.CheckFailure(t.Context(), u, p, f); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(f.Plugins, func(k resolve.Known) bool { return k.Options })
	if k := f.Plugins[i]; k.Plugin != "k/kv@^1 or c/c@^2" || !slices.Equal(k.Versions, []string{"c/c", "k/redis"}) {
		t.Errorf("the choice %s has the options %v", k.Plugin, k.Versions)
	}
	f.Plugins[i].Versions = []string{"c/c@^2", "k/redis@^1"}
	if resolvetest.CheckFailure(t.Context(), u, p, f) == nil {
		t.Error("the checker takes needs in place of ids")
	}
}

// FuzzCheckFailure feeds failures to the checker, which may refuse them and nothing else.
// What it takes is a proof: there is no solution.
func FuzzCheckFailure(f *testing.F) {
	vectors := specVectors(f)
	for _, v := range vectors {
		f.Add([]byte(v.Failure))
	}
	f.Add([]byte(`{"format":"resolve-failure/1","plugins":[{"plugin":"a/app","versions":["1.0.0"]}],"nodes":[{"kind":"derived","terms":[],"causes":[{"node":-1,"on":-1}]}]}`))
	f.Add([]byte(`{"format":"resolve-failure/1","plugins":[{"plugin":"a/app","versions":["1.0.0"]}],"nodes":[{"kind":"wish","need":"a/app","terms":[{"plugin":7,"states":[[0,99]]}]},{"kind":"derived"}]}`))
	f.Add([]byte(`{"format":"resolve-failure/1","nodes":[{"kind":"derived","terms":[]}]}`))
	u, p := vectors["versions.json"].problem(f)
	p.Wishes = p.Wishes[:1] // this has a solution
	f.Fuzz(func(t *testing.T, b []byte) {
		x := new(resolve.Failure)
		if json.Unmarshal(b, x) == nil && resolvetest.CheckFailure(t.Context(), u, p, x) == nil {
			t.Fatalf("a proof that a solution is none: %s", b)
		}
	})
}
