package resolve_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

const lockVectors = "../docs/spec/testdata/lock/"

// lockFiles reads the test vectors of a folder with an ending, by name.
func lockFiles(t testing.TB, dir, ext string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(lockVectors, dir, "*"+ext))
	if err != nil || len(names) == 0 {
		t.Fatal("no test vectors", err)
	}
	out := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(n), ext)] = b
	}
	return out
}

func TestInvalidLocks(t *testing.T) {
	wants := lockFiles(t, "invalid", ".want")
	for name, b := range lockFiles(t, "invalid", ".lock") {
		line, want, _ := strings.Cut(strings.TrimSpace(string(wants[name])), ": ")
		_, err := resolve.ParseLock(b)
		e, ok := errors.AsType[*resolve.LockError](err)
		if !ok || strconv.Itoa(e.Line) != line || !strings.Contains(e.Msg, want) {
			t.Errorf("%s:\n got %v\nwant %s: %s", name, err, line, want)
		}
	}
}

// TestLineEnds reads a lock as version control may check it out.
func TestLineEnds(t *testing.T) {
	for name, b := range lockFiles(t, "valid", ".lock") {
		crlf := strings.ReplaceAll(string(b), "\n", "\r\n")
		for _, text := range []string{crlf, strings.Replace(string(b), "\n", "\r\n", 1)} {
			l, err := resolve.ParseLock([]byte(text))
			if err != nil || string(l.Text()) != string(b) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, text := range []string{strings.ReplaceAll(string(b), "\n", "\r"), strings.ReplaceAll(crlf, "\r", "\r\r"), string(b) + "\r\n"} {
			if _, err := resolve.ParseLock([]byte(text)); err == nil {
				t.Errorf("%s: %.40q accepted", name, text)
			}
		}
	}
}

// TestOneForm changes one byte of a lock at a time. What is still accepted is the
// text of another lock.
func TestOneForm(t *testing.T) {
	whole := lockFiles(t, "valid", ".lock")["full"]
	refused := 0
	try := func(b []byte) {
		l, err := resolve.ParseLock(b)
		if err != nil {
			refused++
		} else if !bytes.Equal(l.Text(), b) {
			t.Errorf("read\n%s\nwritten\n%s", b, l.Text())
		}
	}
	for i := range whole {
		try(slices.Delete(bytes.Clone(whole), i, i+1))
		try(slices.Insert(bytes.Clone(whole), i, whole[i]))
		try(whole[:i])
		for _, c := range [][]byte{[]byte("\n\\,"), []byte(" 0\""), []byte("z\x80 ")}[i%3] {
			b := bytes.Clone(whole)
			b[i] = c
			try(b)
		}
	}
	if refused < 4*len(whole) {
		t.Errorf("%d of %d changes refused", refused, 6*len(whole))
	}
}

// TestLockLimits reads what would cost much.
func TestLockLimits(t *testing.T) {
	many := func(n int, block string) string {
		var b strings.Builder
		b.WriteString("lock = 1\n")
		for i := range n {
			fmt.Fprintf(&b, block, i)
		}
		return b.String()
	}
	plugin := "\n[[plugin]]\nid = \"a/p%05d\"\nversion = \"1.0.0\"\ndigest = \"sha256:" + strings.Repeat("a", 64) + "\"\nsize = 1\nsource = \"s\"\n"
	request := "\n[[request]]\nplugin = \"a/p%05d\"\nrange = \"*\"\n"
	list := func(n int) string {
		return strings.Replace(many(n, "  \"os/a%05d\",\n"), "\n", "\nplatforms = [\n", 1) + "]\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"plugins":           {many(10_000, plugin), ""},
		"too many plugins":  {many(10_001, plugin), "more than 10000 of [[plugin]]"},
		"requests":          {many(10_000, request), ""},
		"too many requests": {many(10_001, request), "more than 10000 of [[request]]"},
		"entries":           {list(2000), ""},
		"too many entries":  {list(2001), "more than 2000 entries"},
		"line":              {"lock = 1\napp = \"" + strings.Repeat("a", 64<<10) + "\"\n", "more than the limit of 65536"},
		"line of digits":    {strings.Replace(many(1, plugin), "size = 1", "size = "+strings.Repeat("1", 60<<10), 1), "want a number"},
		"line of escapes":   {strings.Replace(many(1, plugin), `"s"`, `"`+strings.Repeat(`\u0041`, 10<<10)+`"`, 1), "10240 bytes, want 1 to 2048"},
		"size":              {strings.Repeat("\n", resolve.MaxLock+1), "more than the limit of 33554432"},
		"empty lines":       {"lock = 1\n" + strings.Repeat("\n", 1<<20), "want [[request]]"},
		"no line":           {strings.Repeat("x", 1<<20), "does not end with a line feed"},
		"binary":            {"\x7fELF\x00\x01\n", "want lock = 1"},
		"deep":              {"lock = 1\nplatforms = " + strings.Repeat("[", 60<<10) + "\n", "want [ and the entries"},
	} {
		_, err := resolve.ParseLock([]byte(c.text))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 700) {
			t.Errorf("%s: %.900v", name, err)
		}
	}
}

func TestLockErrorClasses(t *testing.T) {
	for text, want := range map[string]error{
		"lock = 2\n":                            resolve.ErrLockFormat,
		"lock = \n":                             resolve.ErrLockFormat,
		"lock = 1\n<<<<<<< HEAD\n":              resolve.ErrConflictMarkers,
		"lock = 1\nnonsense\n>>>>>>> theirs\n":  resolve.ErrConflictMarkers,
		"lock = 1\r\n=======\r\n":               resolve.ErrConflictMarkers,
		"<<<<<<< ours\nlock = 1\n":              resolve.ErrConflictMarkers,
		"lock = 1\n||||||| 1f2e3d4\n":           resolve.ErrConflictMarkers,
		"lock = 1\napp = \"a b\"\n":             manifest.ErrSyntax,
		"lock = 1\n\n[[request]]\nplugin = 1\n": nil,
		"lock = 1\n<<<<<<<<\n========\n":        nil,
	} {
		_, err := resolve.ParseLock([]byte(text))
		_, typed := errors.AsType[*resolve.LockError](err)
		if !typed || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
		for _, class := range []error{resolve.ErrLockFormat, resolve.ErrConflictMarkers} {
			if class != want && errors.Is(err, class) {
				t.Errorf("%q: %v is %v", text, err, class)
			}
		}
	}
}

func FuzzParseLock(f *testing.F) {
	for _, dir := range []string{"valid", "invalid", "merge"} {
		for _, b := range lockFiles(f, dir, ".lock") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := resolve.ParseLock(b)
		if err != nil {
			if e, ok := errors.AsType[*resolve.LockError](err); !ok || e.Line < 0 || e.Line > 1+bytes.Count(b, []byte("\n")) || !utf8.ValidString(e.Msg) {
				t.Fatalf("%#v", err)
			}
			return
		}
		text := l.Text()
		if want := bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")); !bytes.Equal(text, want) {
			t.Fatalf("read\n%s\nwritten\n%s", want, text)
		}
		if !isPlain(text) {
			t.Fatalf("%q", text)
		}
		l.Check(benchHost(), l.Requests)
		l.Check(resolve.Host{}, []resolve.Wish{})
	})
}
