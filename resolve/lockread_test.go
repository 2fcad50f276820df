package resolve_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
