package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/confine"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/sdk"
)

// deed is what a plugin is told to try.
type deed struct {
	Do, On string
	N      int
}

// result is "" if it worked.
type result struct{ Why string }

const pryingID = "plugstead-test/prying"

var (
	pryingPoint = contract.Define("plugstead.test/prying", 1, 0)
	try         = contract.Unary[deed, result](pryingPoint, "Try")
)

func init() {
	sdk.Register(pryingID, try.Handle(func(_ context.Context, d deed) (result, error) {
		if err := d.do(); err != nil {
			return result{err.Error()}, nil
		}
		return result{}, nil
	}))
}

func (d deed) do() error {
	switch d.Do {
	case "read":
		_, err := os.ReadFile(d.On)
		return err
	case "list":
		_, err := os.ReadDir(d.On)
		return err
	case "write":
		return os.WriteFile(d.On, make([]byte, d.N), 0o600)
	case "connect":
		c, err := net.Dial("tcp", d.On)
		if err == nil {
			c.Close()
		}
		return err
	case "listen":
		var c net.ListenConfig
		c.SetMultipathTCP(false) // which Landlock lets through
		l, err := c.Listen(context.Background(), "tcp", d.On)
		if err == nil {
			l.Close()
		}
		return err
	case "allocate":
		var all [][]byte
		for range d.N { // MiB
			all = append(all, make([]byte, 1<<20))
		}
		runtime.KeepAlive(all)
		return nil
	case "signal":
		return syscall.Kill(d.N, 0)
	case "link":
		name, to, _ := strings.Cut(d.On, "=")
		return os.Symlink(to, name)
	case "run":
		return exec.Command(d.On).Run()
	case "open":
		var open []*os.File
		defer func() {
			for _, f := range open {
				f.Close()
			}
		}()
		for range d.N {
			f, err := os.Open("/dev/null")
			if err != nil {
				return err
			}
			open = append(open, f)
		}
		return nil
	}
	return fmt.Errorf("no such deed: %s", d.Do)
}

// package_ makes a folder with the test binary itself, which may not be a link to a place
// outside.
func package_(t *testing.T) load.Image {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	f, err := os.OpenFile(filepath.Join(dir, "good"), os.O_WRONLY|os.O_CREATE, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, self); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	im := image(dir, "good")
	im.Manifest.ID = pryingID
	return im
}

func needFiles(t *testing.T) {
	t.Helper()
	if !slices.Contains(confine.Supported().Active, confine.Files) {
		t.Skip("this kernel has no Landlock")
	}
}

// TestSandbox: what was not granted cannot be done, what was granted and what every program
// needs can.
func TestSandbox(t *testing.T) {
	needFiles(t)
	im := package_(t)
	dir := t.TempDir()
	for _, d := range []string{"data", "ro", "rw", "secret"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, d, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "rw", "link")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	grants := []manifest.Capability{
		"fs:ro:ro", "fs:rw:rw", manifest.Capability("net:127.0.0.1:" + port),
	}
	tests := []struct {
		deed
		free, granted, bare bool // without a sandbox, in one with grants, in one without
	}{
		{deed{"read", dir + "/secret/file", 0}, true, false, false},
		{deed{"list", "/etc", 0}, true, false, false},
		{deed{"read", "/proc/self/environ", 0}, true, false, false},
		{deed{"read", dir + "/ro/file", 0}, true, true, false},
		{deed{"write", dir + "/ro/new", 1}, true, false, false},
		{deed{"write", dir + "/rw/new", 1}, true, true, false},
		{deed{"read", dir + "/rw/link/file", 0}, true, false, false},
		{deed{"write", dir + "/data/new", 1}, true, true, true},
		{deed{"read", im.Tree + "/good", 0}, true, true, true},
		{deed{"write", im.Tree + "/more", 1}, true, false, false},
		{deed{"write", "/dev/null", 1}, true, true, true},
		{deed{"run", "/bin/true", 0}, true, true, true},
		{deed{"connect", l.Addr().String(), 0}, true, true, false},
		{deed{"listen", "127.0.0.1:0", 0}, true, false, false},
		{deed{"signal", "", os.Getpid()}, true, false, false},
	}
	for name, c := range map[string]struct {
		d      Driver
		grants []manifest.Capability
		want   func(i int) bool
	}{
		"off":     {Driver{}, nil, func(i int) bool { return tests[i].free }},
		"bare":    {Driver{Sandbox: SandboxRequire}, nil, func(i int) bool { return tests[i].bare }},
		"granted": {Driver{Sandbox: SandboxTry, Files: dir}, grants, func(i int) bool { return tests[i].granted }},
	} {
		t.Run(name, func(t *testing.T) {
			s := specOf(nil)
			s.DataDir, s.Grants = dir+"/data", c.grants
			in, err := c.d.Start(t.Context(), im, s)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			level := confine.Supported()
			for i, x := range tests {
				if x.Do == "connect" || x.Do == "listen" {
					if !slices.Contains(level.Active, confine.TCP) {
						continue
					}
				}
				if x.Do == "signal" && !slices.Contains(level.Active, confine.Processes) {
					continue
				}
				got, err := try.Call(t.Context(), in, x.deed)
				if err != nil || (got.Why == "") != c.want(i) {
					t.Errorf("%s %s: %q, %v", x.Do, x.On, got.Why, err)
				}
			}
			told := in.(load.Confined).Confinement()
			if c.d.Sandbox == SandboxOff {
				level = confine.Level{Missing: []string{confine.Privileges, confine.Files, confine.TCP, confine.Processes}}
			}
			if !slices.Equal(told.Active, level.Active) || !slices.Equal(told.Missing, level.Missing) {
				t.Errorf("it says %+v", told)
			}
			if err := in.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := os.ReadFile(dir + "/secret/file"); err != nil {
		t.Errorf("the host is confined: %v", err)
	}
}

// TestSandboxLeavesTheHost: no thread of the host keeps the rules, whatever it does next.
func TestSandboxLeavesTheHost(t *testing.T) {
	needFiles(t)
	im := package_(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		in, err := Driver{Sandbox: SandboxRequire}.Start(t.Context(), im, specOf(nil))
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
		broken := im
		broken.Tree = t.TempDir()
		if err := os.WriteFile(filepath.Join(broken.Tree, "good"), []byte("#!/nowhere\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := (Driver{Sandbox: SandboxRequire}).Start(t.Context(), broken, specOf(nil)); err == nil {
			t.Fatal("a script without an interpreter runs")
		}
	}
	for range 200 { // on whatever threads there are
		done := make(chan error)
		go func() {
			_, err := os.ReadFile(secret)
			done <- err
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for confined() > 0 { // threads end a moment after their goroutines; if not, the test's own time limit ends this
		runtime.Gosched()
	}
}

// confined counts the threads of this process that are.
func confined() (n int) {
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if err == nil && bytes.Contains(b, []byte("NoNewPrivs:\t1")) {
			n++
		}
	}
	return n
}

func TestLimits(t *testing.T) {
	im := package_(t)
	dir := t.TempDir()
	s := specOf(nil)
	in, err := Driver{Limits: Limits{OpenFiles: 60, FileSize: 4096}}.Start(t.Context(), im, s)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for d, want := range map[deed]string{
		{"open", "", 30}:                "",
		{"open", "", 100}:               "too many open files",
		{"write", dir + "/small", 4096}: "",
		{"write", dir + "/large", 9000}: "file too large",
	} {
		got, err := try.Call(t.Context(), in, d)
		if err != nil || (want == "") != (got.Why == "") || !strings.Contains(got.Why, want) {
			t.Errorf("%+v: %q, %v", d, got.Why, err)
		}
	}
	if c := in.(load.Confined).Confinement(); len(c.Active) != 0 {
		t.Errorf("%+v", c)
	}
	small, err := Driver{Limits: Limits{Memory: 3 << 30}}.Start(t.Context(), im, s)
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if got, err := try.Call(t.Context(), small, deed{"allocate", "", 64}); err != nil || got.Why != "" {
		t.Error(got, err)
	}
	if _, err := try.Call(t.Context(), small, deed{"allocate", "", 4 << 10}); !errors.Is(err, contract.Unavailable) {
		t.Errorf("4 GiB out of 3: %v", err)
	}
}

// TestSandboxRules: grants become rules.
func TestSandboxRules(t *testing.T) {
	s := specOf(slog.New(slog.DiscardHandler))
	s.DataDir = "/data"
	s.Grants = []manifest.Capability{"fs:ro:r", "fs:rw:w/x", "net:a.example:443", "net:[::1]:80", "env:X", "host:a/b"}
	r := Driver{Files: "/app"}.rules(load.Image{Tree: "/tree"}, s)
	if !slices.Contains(r.Read, "/tree") || r.Below != "/app" || !slices.Equal(r.BelowRead, []string{"r"}) ||
		!slices.Equal(r.BelowWrite, []string{"w/x"}) || !slices.Equal(r.Write, []string{"/dev/null", "/data"}) || !slices.Equal(r.Ports, []uint16{443, 80}) || r.Net {
		t.Errorf("%+v", r)
	}
	s.Grants = []manifest.Capability{"net:a.example:*", "fs:rw:w"}
	if r := (Driver{}).rules(load.Image{}, s); !r.Net || len(r.Ports) != 0 || len(r.Write) != 2 || r.BelowWrite != nil {
		t.Errorf("%+v", r)
	}
}

// TestSandboxFollowsNoLink: who may write a folder cannot make a grant below it lead elsewhere.
func TestSandboxFollowsNoLink(t *testing.T) {
	needFiles(t)
	im := package_(t)
	dir, secret := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := Driver{Sandbox: SandboxRequire, Files: dir}
	s := specOf(nil)
	s.Grants = []manifest.Capability{"fs:rw:a", "fs:rw:a/x", "fs:ro:a/x/y"}
	in, err := d.Start(t.Context(), im, s) // there is no a/x yet
	if err != nil {
		t.Fatal(err)
	}
	if got, err := try.Call(t.Context(), in, deed{"link", filepath.Join(dir, "a", "x") + "=" + secret, 0}); err != nil || got.Why != "" {
		t.Fatal(got, err)
	}
	in.Close()
	if in, err = d.Start(t.Context(), im, s); err == nil {
		got, err := try.Call(t.Context(), in, deed{"write", filepath.Join(secret, "new"), 1})
		in.Close()
		t.Fatalf("it starts with a grant that leads elsewhere; a write there: %q, %v", got.Why, err)
	}
	if !errors.Is(err, syscall.ELOOP) || !strings.Contains(err.Error(), "a/x") {
		t.Errorf("%v", err)
	}
}

// TestBusyProgram: a program that somebody still writes, or that a process inherited which
// is just being started, is tried again.
func TestBusyProgram(t *testing.T) {
	im := package_(t)
	f, err := os.OpenFile(filepath.Join(im.Tree, "good"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := (Driver{}).Start(over, im, specOf(nil)); !errors.Is(err, syscall.ETXTBSY) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("busy all the time: %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { f.Close() })
	in, err := Driver{}.Start(t.Context(), im, specOf(nil))
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
}
