package plugcobra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// streams runs a command line of an application and returns both outputs.
type streams func(stderr io.Writer, args string) (stdout string, err error)

// apart is program with the outputs apart.
func apart(t *testing.T, s *registrytest.Server) streams {
	t.Helper()
	h, err := plugstead.OpenFor(t.Context(), nil, facts(t, s), plugstead.Options{Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return func(stderr io.Writer, args string) (string, error) {
		root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
		root.AddCommand(plugcobra.Command(h))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(stderr)
		root.SetArgs(strings.Fields("plugin " + args))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
}

// pair is a registry where acme/a needs acme/b.
func pair(t *testing.T) (s *registrytest.Server, size int64) {
	t.Helper()
	s = registrytest.New(t)
	a := plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	plugintest.Push(t, s.Client().Target("acme/a"), a)
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.0.0"))
	plugintest.Push(t, s.Client().Target("acme/b"), plugintest.Pack(t, "acme/b", "1.1.0"))
	return s, payload(t, a).Size
}

// payload returns the payload of a packed plugin of one package.
func payload(t *testing.T, p *artifact.Packed) artifact.Descriptor {
	t.Helper()
	pkg, err := artifact.ReadPackage(t.Context(), p, p.Packages[0])
	if err != nil {
		t.Fatal(err)
	}
	return pkg.Payload
}

// TestPlainProgress has a standard error that is no terminal.
func TestPlainProgress(t *testing.T) {
	s, size := pair(t)
	run := apart(t, s)
	for _, c := range []struct{ args, err, summary string }{
		{"install acme/a acme/b@=1.0.0 --dry-run", ``, `dry run`},
		{"install acme/a acme/b@=1.0.0", `^fetched acme/. 1.0.0, \d+ B\nfetched acme/. 1.0.0, \d+ B\n$`, fmt.Sprintf(`generation 1 in \d+.\d s: 2 plugins, %d B fetched; undo with: `, 2*size)},
		{"install acme/b@^1", `^fetched acme/b 1.1.0, \d+ B\n$`, `generation 2 in \d+.\d s: 1 plugin, \d+ B fetched; undo with: `},
		{"rollback", ``, `generation 3, equal to generation 1`},
		{"install acme/b@^1", `^fetched acme/b 1.1.0, from the cache\n$`, `generation 4 in \d+.\d s: 1 plugin, 0 B fetched, 1 from the cache; undo with: `},
		{"uninstall acme/a", ``, `generation 5 in \d+.\d s; undo with: `},
		{"install acme/a --json", ``, `"fetched": 1,\n    "cached": 1,\n    "bytes": 0`},
	} {
		var stderr bytes.Buffer
		out, err := run(&stderr, c.args)
		if err != nil || !regexp.MustCompile(c.summary).MatchString(out) {
			t.Errorf("%s: %v\n%s\nwant %s", c.args, err, out, c.summary)
		}
		if c.err == "" && stderr.Len() > 0 || !regexp.MustCompile(c.err).Match(stderr.Bytes()) {
			t.Errorf("%s: on standard error\n%s\nwant %s", c.args, &stderr, c.err)
		}
	}
}

// TestProgressOfFailures tells what came before, and not that anything changed.
func TestProgressOfFailures(t *testing.T) {
	s, _ := pair(t)
	run := apart(t, s)
	for _, args := range []string{"install acme/none", "rollback", "uninstall acme/none", "apply nowhere"} {
		var stderr bytes.Buffer
		out, err := run(&stderr, args+" --json=events")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var last struct {
			Event string
			OK    bool
			Error *struct{ Code string }
		}
		if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err == nil || jerr != nil || last.Event != "result" || last.OK || last.Error == nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
		if strings.Contains(out, `"installed"`) || stderr.Len() > 0 {
			t.Errorf("%s:\n%s%s", args, out, &stderr)
		}
	}
}

// TestEventDocuments reads what programs read: one document a line, in this order, and
// the usual one last.
func TestEventDocuments(t *testing.T) {
	s, size := pair(t)
	run := apart(t, s)
	dir := t.TempDir()
	plan, lock := filepath.Join(dir, "plan.json"), filepath.Join(dir, "plugins.lock")
	for _, c := range []struct {
		args string
		want []string
	}{
		{"install acme/b@=1.0.0", []string{"step resolve", "step fetch", "fetched acme/b 1.0.0 false", "step install", "step switch", "installed acme/b  1.0.0", "result"}},
		{"update --latest", []string{"step resolve", "step fetch", "fetched acme/b 1.1.0 false", "step install", "step switch", "updated acme/b 1.0.0 1.1.0", "result"}},
		{"update", []string{"step resolve", "result"}},
		{"install acme/a --dry-run", []string{"step resolve", "result"}},
		{"plan install acme/a --out " + plan, []string{"result"}},
		{"apply " + plan, []string{"step fetch", "fetched acme/a 1.0.0 false", "step install", "step switch", "installed acme/a  1.0.0", "result"}},
		{"lock --lock " + lock, []string{"result"}},
		{"uninstall acme/a", []string{"step resolve", "step fetch", "step install", "step switch", "removed acme/a 1.0.0 ", "result"}},
		{"sync --lock " + lock, []string{"step fetch", "fetched acme/a 1.0.0 true", "step install", "step switch", "installed acme/a  1.0.0", "result"}},
		{"rollback --to 1", []string{"step switch", "result"}},
		{"list", []string{"result"}},
	} {
		var stderr bytes.Buffer
		out, err := run(&stderr, c.args+" --json=events")
		if err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s", c.args, err, &stderr)
		}
		if got := eventWords(t, out, size); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.args, got, c.want)
		}
	}
}

// eventWords turns documents into words, those of progress apart, which are checked here.
func eventWords(t *testing.T, out string, size int64) (words []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e struct {
			Event, Name, ID, Version, From, To, Schema string
			Done, Size                                 int64
			Cached                                     bool
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch e.Event {
		case "step":
			words = append(words, "step "+e.Name)
		case "progress":
			if e.ID == "" || e.Version == "" || e.Done < 0 || e.Done > e.Size || e.Size != size {
				t.Errorf("%s: want a size of %d", line, size)
			}
		case "fetched":
			words = append(words, fmt.Sprintf("fetched %s %s %t", e.ID, e.Version, e.Cached))
		case "result":
			if e.Schema != "plugstead.cli/v1" {
				t.Error(line)
			}
			words = append(words, e.Event)
		default:
			words = append(words, fmt.Sprintf("%s %s %s %s", e.Event, e.ID, e.From, e.To))
		}
	}
	return words
}

// slowly is a registry that sends the first half of one blob, calls half and sends the
// rest.
func slowly(t *testing.T, s *registrytest.Server, d artifact.Descriptor, half func()) *registrytest.Server {
	t.Helper()
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := http.Get(s.URL + r.URL.RequestURI())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		if strings.HasSuffix(r.URL.Path, string(d.Digest)) {
			io.CopyN(w, res.Body, d.Size/2)
			w.(http.Flusher).Flush()
			half()
		}
		io.Copy(w, res.Body)
	}))
	t.Cleanup(p.Close)
	return &registrytest.Server{URL: p.URL}
}
