package cli_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// fileServer serves a folder as any file server does, until the script ends, and puts its
// address into $FILES. Usage: file-server DIR
func fileServer(ts *testscript.TestScript, _ bool, args []string) {
	s := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(s.Close)
	ts.Setenv("FILES", s.URL)
}

// spoil removes or changes the payloads below a folder: the files that begin as gzip does.
// With "undone" it takes a change back. Usage: spoil DIR missing|changed|undone
func spoil(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(e.Name(), "sha256:") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(b[1:], []byte{0x8b}) {
			return err
		}
		n++
		if args[1] == "missing" {
			return os.Remove(path)
		}
		b[0] ^= 1
		return os.WriteFile(path, b, 0o644)
	}))
	if n == 0 {
		ts.Fatalf("nothing to spoil")
	}
}

// truncate cuts the last 2000 bytes off a file. Usage: truncate FROM TO
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b[:len(b)-2000], 0o644))
}

// evilBundle writes a bundle with an entry more. Usage: evil-bundle FILE NAME
func evilBundle(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range [][2]string{
		{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`}, {"index.json", `{}`}, {"available.json", `{"v":1,"plugins":[]}`}, {args[1], "evil"},
	} {
		ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e[0], Size: int64(len(e[1])), Mode: 0o644, Format: tar.FormatUSTAR}))
		_, err := w.Write([]byte(e[1]))
		ts.Check(err)
	}
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}
