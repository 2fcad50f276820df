package plugcobra_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/plugcobra"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/version"
)

// clinic is an installation with two plugins.
type clinic struct {
	t   *testing.T
	dir string
	reg *registrytest.Server
	o   plugstead.Options
	f   plugstead.Facts
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	s := shelf(t)
	k := &clinic{t: t, dir: filepath.Join(t.TempDir(), "plugins"), reg: s, f: facts(t, s)}
	k.o = plugstead.Options{Dir: k.dir, Registry: s.URL}
	if out, err := k.run("install acme/a acme/c"); err != nil {
		t.Fatal(out, err)
	}
	return k
}

// run runs a command of an application that is opened for it.
func (k *clinic) run(args string) (string, error) {
	k.t.Helper()
	h, err := plugstead.OpenFor(k.t.Context(), nil, k.f, k.o)
	if err != nil {
		k.t.Fatal(err)
	}
	defer h.Close()
	root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(plugcobra.Command(h))
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(new(bytes.Buffer))
	root.SetArgs(strings.Fields("plugin " + args))
	err = root.ExecuteContext(k.t.Context())
	return out.String(), err
}

// doctor returns what was found: for each check that is not ok its status, name, text and
// hint.
func (k *clinic) doctor(flags string) (found []string, changed bool, exit int) {
	k.t.Helper()
	out, err := k.run("doctor --json " + flags)
	var x struct {
		Changed bool
		Result  struct {
			Checks                 []struct{ Name, Status, What, Hint string }
			OK, Warnings, Failures int
			Fixed                  []string
		}
	}
	if jerr := json.Unmarshal([]byte(out), &x); jerr != nil || len(x.Result.Checks) == 0 {
		k.t.Fatalf("%v\n%s%v", jerr, out, err)
	}
	n := map[string]int{}
	for _, c := range x.Result.Checks {
		n[c.Status]++
		if c.Status != "ok" && c.Name != "space" && c.Name != "cache" {
			found = append(found, strings.Join([]string{c.Status, c.Name, c.What, c.Hint}, "|"))
		}
	}
	if n["ok"] != x.Result.OK || n["warn"] != x.Result.Warnings || n["fail"] != x.Result.Failures || (err != nil) != (n["fail"] > 0) {
		k.t.Errorf("%v is not %+v, %v", n, x.Result, err)
	}
	for _, f := range x.Result.Fixed {
		found = append(found, "fixed|"+f)
	}
	return found, x.Changed, plugcobra.ExitCode(err)
}

// expect compares the findings with texts that they contain, in order.
func (k *clinic) expect(flags string, exit int, want ...string) {
	k.t.Helper()
	found, changed, got := k.doctor(flags)
	ok := len(found) == len(want) && got == exit
	for i, w := range want {
		for part := range strings.SplitSeq(w, "*") {
			ok = ok && strings.Contains(found[i], part)
		}
	}
	if fixed := len(want) > 0 && strings.HasPrefix(want[len(want)-1], "fixed|"); !ok || changed != fixed {
		k.t.Errorf("doctor %s, exit %d, changed %t:\n%s\nwant exit %d\n%s", flags, got, changed, strings.Join(found, "\n"), exit, strings.Join(want, "\n"))
	}
}

func (k *clinic) write(name, text string) {
	k.t.Helper()
	path := filepath.Join(k.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		k.t.Fatal(err)
	}
}

// damage changes the module of one installed plugin.
func (k *clinic) damage() {
	k.t.Helper()
	list, err := filepath.Glob(filepath.Join(k.dir, "trees", "*", "*.wasm"))
	if err != nil || len(list) == 0 {
		k.t.Fatal(list, err)
	}
	if err := os.WriteFile(list[0], []byte("changed"), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func TestDoctorOfHealth(t *testing.T) {
	k := newClinic(t)
	k.expect("", 0)
	k.expect("--fix", 0)
	out, err := k.run("doctor")
	if err != nil || !strings.Contains(out, "ok    files       3 plugins as installed\n") || !strings.HasSuffix(out, " checks passed, 0 warnings, 0 failures\n") {
		t.Errorf("%s%v", out, err)
	}
	if out, err := k.run("doctor --wait 0s"); err == nil || !strings.Contains(err.Error(), "E0001") {
		t.Errorf("%s%v", out, err)
	}
	k.o.Dir = filepath.Join(t.TempDir(), "nothing")
	k.expect("--fix", 0)
	if _, err := os.Stat(k.o.Dir); err == nil {
		t.Error("doctor made an installation")
	}
}

// TestDoctorOfKilledChanges sweeps with --fix and touches nothing without.
func TestDoctorOfKilledChanges(t *testing.T) {
	k := newClinic(t)
	k.write("staging/half", "")
	k.write("trees/.tmp-1", "")
	for range 2 {
		k.expect("", 0, "warn|leftovers|2 of changes that were killed, staging for example|myapp plugin doctor --fix")
	}
	k.expect("--fix", 0, "fixed|removed what killed changes left: 2")
	k.expect("", 0)
}

// TestDoctorDuringAChange says so, and --fix waits only so long.
func TestDoctorDuringAChange(t *testing.T) {
	k := newClinic(t)
	k.write("staging/half", "")
	lock, err := filelock.TryExclusive(filepath.Join(k.dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	k.expect("--fix --wait 1ms", 0, "warn|lock|another process is changing plugins", "skip|leftovers")
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	k.expect("", 0, "warn|leftovers")
}

// TestDoctorOfDamage repairs files, if it can get them.
func TestDoctorOfDamage(t *testing.T) {
	k := newClinic(t)
	k.damage()
	k.expect("", 1, "fail|files|*installed files were changed: *|myapp plugin verify --fix")
	k.expect("--fix --offline", 1, "fail|files|", "skip|registry")
	k.expect("--fix", 0, "fixed|installed damaged plugins again: 1")
	k.expect("", 0)
	k.damage()
	k.o.Registry = t.TempDir()
	if err := os.WriteFile(filepath.Join(k.o.Registry, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	k.expect("--fix", 1, "fail|files|", "fail|fix|")
}

// TestDoctorOfGenerations has old ones that cannot be read, newer ones, and no other.
func TestDoctorOfGenerations(t *testing.T) {
	k := newClinic(t)
	if out, err := k.run("uninstall acme/c"); err != nil {
		t.Fatal(out, err)
	}
	k.write("generations/00000001.json", "{")
	k.expect("", 0, "warn|generation|generation 1: installation is damaged*not needed any more|myapp plugin gc")
	k.write("generations/00000003.json", "")
	k.expect("", 0, "warn|generation|generation 1: ", "warn|generation|generation 3: *the one before it is active|myapp plugin history")
	k.write("generations/00000002.json", "null")
	k.expect("--fix", 1, "fail|active|generation 3", "fail|generation|generation 1: *move ", "fail|generation|generation 2: ", "fail|generation|generation 3: ")
}

// TestDoctorOfAnotherVersion lists plugins that are not for the application any more.
func TestDoctorOfAnotherVersion(t *testing.T) {
	k := newClinic(t)
	k.f.Version = version.MustParse("3.0.0")
	k.expect("", 1, "fail|fit|acme/c 1.0.0*|myapp plugin update acme/c")
}

// TestDoctorOfHeldReleases names what did not start.
func TestDoctorOfHeldReleases(t *testing.T) {
	k := newClinic(t)
	d, err := install.Open(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tx.Base.Records {
		tx.Keep(r)
	}
	for _, id := range []string{"acme/a", "acme/other"} {
		tx.Hold(install.Held{ID: manifest.ID(id), Version: version.MustParse("9.0.0"), Digest: artifact.DigestOf([]byte(id)), Why: "no\nluck\x1b[31m"})
	}
	if _, err := tx.Commit(tx.Base.Lock, "test"); err != nil {
		t.Fatal(err)
	}
	k.expect("", 0,
		"warn|held|acme/a 9.0.0 is held back since *: it did not start (no luck [31m)|myapp plugin update acme/a --retry",
		"warn|held|acme/other 9.0.0 is held back since *|myapp plugin install acme/other --retry")
}

// TestDoctorOfRegistries has one that is not there, none, a folder and clocks that differ.
func TestDoctorOfRegistries(t *testing.T) {
	t.Setenv(plugstead.EnvRegistry, "")
	k := newClinic(t)
	at := func(skew time.Duration) fetch.Source {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != registry.RouteRevision {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			if skew == 0 {
				w.Header()["Date"] = nil
			}
			fmt.Fprint(w, `{"revision":"r-1"}`)
		}))
		t.Cleanup(s.Close)
		c, err := client.New(s.URL, client.Options{Retry: fetch.Retry{Times: -1}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	gone := at(0)
	closed, err := client.New("http://127.0.0.1:1", client.Options{Retry: fetch.Retry{Times: -1}})
	if err != nil {
		t.Fatal(err)
	}
	closed2, err := client.New("http://127.0.0.1:2", client.Options{Retry: fetch.Retry{Times: -1}})
	if err != nil {
		t.Fatal(err)
	}
	mirrored := func(origin, mirror fetch.Source) fetch.Sources {
		return fetch.Sources{Default: fetch.Mirrored{Origin: origin, Sources: []fetch.Source{mirror, origin}}}
	}
	for _, c := range []struct {
		from  fetch.Sources
		flags string
		exit  int
		want  []string
	}{
		{fetch.Sources{}, "", 0, []string{"warn|registry|no source configured: installed plugins run*|set PLUGSTEAD_REGISTRY"}},
		{fetch.Sources{Default: closed}, "", 1, []string{"fail|registry|*registry cannot be reached*|check the address"}},
		{fetch.Sources{Default: closed}, "--offline", 0, []string{"skip|registry|http://127.0.0.1:1 is not asked"}},
		{mirrored(closed, at(time.Second)), "", 0, []string{"warn|registry|*registry cannot be reached"}},
		{mirrored(at(time.Second), closed), "", 0, []string{"warn|mirror|*registry cannot be reached"}},
		{mirrored(closed, closed2), "", 1, []string{"fail|mirror|*cannot be reached", "fail|registry|*cannot be reached"}},
		{fetch.Sources{Default: at(2 * time.Hour)}, "", 0, []string{"warn|clock|*behind http*|set the clock"}},
		{fetch.Sources{Default: at(-2 * time.Hour)}, "", 0, []string{"warn|clock|*ahead of http*|set the clock"}},
		{fetch.Sources{Default: gone}, "", 0, []string{"skip|clock|*does not tell"}},
		{fetch.Sources{Namespaces: map[string]fetch.Source{"b": closed, "a": gone}}, "", 1, []string{"skip|clock", "fail|registry"}},
	} {
		k.o.Registry, k.o.Sources = "", c.from
		k.expect(c.flags, c.exit, c.want...)
	}
}

// TestDoctorOfFolders has folders that others can change.
func TestDoctorOfFolders(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	k := newClinic(t)
	caches := filepath.Join(t.TempDir(), "cache")
	for dir, want := range map[string]string{
		caches: "ok    cache       " + caches + "\n", filepath.Join(caches, "none"): "none is made when it is needed", "here": "is no absolute path and is not used\n      hint: set PLUGSTEAD_CACHE",
		caches + "2": "not used: *others can change it", caches + "3": "nothing can be kept in *chmod u+rwx",
	} {
		k.o.Cache = dir
		for path, mode := range map[string]os.FileMode{caches: 0o700, caches + "2": 0o777, caches + "3": 0o500} {
			if err := errors.Join(os.MkdirAll(path, 0o700), os.Chmod(path, mode)); err != nil {
				t.Fatal(err)
			}
		}
		out, err := k.run("doctor")
		for part := range strings.SplitSeq(want, "*") {
			if err != nil || !strings.Contains(out, part) {
				t.Errorf("cache %s: %v\n%s", dir, err, out)
			}
		}
	}
	if err := os.Chmod(k.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	root := &cobra.Command{Use: "myapp", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(plugcobra.Commands(func(c *cobra.Command) (*plugstead.Host, func() error, error) {
		h, err := plugstead.OpenFor(c.Context(), nil, k.f, k.o)
		return h, func() error { return nil }, err
	})...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"doctor"})
	err := root.ExecuteContext(t.Context())
	if plugcobra.ExitCode(err) != 1 || !strings.Contains(out.String(), "fail  folder ") || !strings.Contains(out.String(), "chmod go-w") || !strings.HasSuffix(out.String(), "\n0 checks passed, 0 warnings, 1 failure\n") {
		t.Errorf("%v\n%s", err, &out)
	}
}
