package artifact_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
)

type ctx = context.Context

func archive(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	b, err := tarGzip(headers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tarGzip writes entries filled with zeros.
func tarGzip(headers ...*tar.Header) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func file(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1} }

func TestUnpackRefuses(t *testing.T) {
	for name, list := range map[string][]*tar.Header{
		"absolute":           {file("/etc/passwd")},
		"dot dot":            {file("../x")},
		"dot dot inside":     {file("a/../../x")},
		"unclean":            {file("a//b")},
		"current folder":     {file("./a")},
		"backslash":          {file(`a\b`)},
		"drive letter":       {file("c:x")},
		"stream":             {file("a:b")},
		"symbolic link":      {{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/etc/passwd"}},
		"hard link":          {file("a"), {Typeflag: tar.TypeLink, Name: "l", Linkname: "a"}},
		"device":             {{Typeflag: tar.TypeChar, Name: "d"}},
		"pipe":               {{Typeflag: tar.TypeFifo, Name: "p"}},
		"setuid":             {{Typeflag: tar.TypeReg, Name: "s", Mode: 0o4755}},
		"setgid folder":      {{Typeflag: tar.TypeDir, Name: "s/", Mode: 0o2755}},
		"name twice":         {file("a"), file("a")},
		"case twice":         {file("a"), file("A")},
		"folder case":        {file("a/x"), file("A/y")},
		"file then folder":   {file("a"), file("a/b")},
		"folder then file":   {file("a/b"), file("a")},
		"sharp s":            {file("ſ"), file("s")},
		"composed":           {file("caf\u00e9"), file("cafe\u0301")},
		"composed folder":    {file("caf\u00e9/a"), file("CAFE\u0301/b")},
		"Kelvin":             {file("\u212a"), file("k")},
		"reserved":           {file("con")},
		"reserved with dot":  {file("a/NUL.txt")},
		"reserved number":    {file("com1.log")},
		"trailing dot":       {file("a./b")},
		"trailing space":     {file("a ")},
		"control character":  {file("a\x01b")},
		"line break":         {file("a\nb")},
		"bidi override":      {file("a\u202eb")},
		"zero width":         {file("a\u200bb")},
		"input of Windows":   {file("conin$")},
		"long name":          {file(strings.Repeat("a", 256))},
		"folder, third case": {{Typeflag: tar.TypeDir, Name: "A/"}, {Typeflag: tar.TypeDir, Name: "a/"}},
		"long path":          {file(strings.Repeat("a", 401))},
		"long by folders":    {file(strings.Repeat("a/", 300) + "b")},
		"not UTF-8":          {file("a\xff")},
		"reserved, space":    {file("con .txt")},
		"reserved, raised":   {file("lpt³")},
		"folders of a path":  {file("1/2/3/4/5/6")},
		"folders of many":    {file("1/2/3"), file("4/5/6")},
		"too many files":     {file("1"), file("2"), file("3"), file("4"), file("5"), file("6")},
		"too many bytes":     {{Typeflag: tar.TypeReg, Name: "big", Size: 2000}},
		"bytes together":     {{Typeflag: tar.TypeReg, Name: "x", Size: 600}, {Typeflag: tar.TypeReg, Name: "y", Size: 600}},
	} {
		b := archive(t, list...)
		dir := t.TempDir()
		_, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{Bytes: 1000, Files: 5})
		if !errors.Is(err, artifact.ErrUnsafe) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUnpackRatio(t *testing.T) {
	b := archive(t, &tar.Header{Typeflag: tar.TypeReg, Name: "bomb", Size: 64 << 20})
	_, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{Ratio: 10})
	if !errors.Is(err, artifact.ErrUnsafe) {
		t.Fatalf("%d bytes became 64 MiB: %v", len(b), err)
	}
}

// TestUnpackHeaderBomb has files without content whose headers hold 1 MiB each.
func TestUnpackHeaderBomb(t *testing.T) {
	var list []*tar.Header
	for i := range 90 {
		list = append(list, &tar.Header{
			Typeflag: tar.TypeReg, Name: fmt.Sprint(i), Format: tar.FormatPAX,
			PAXRecords: map[string]string{"X.y": strings.Repeat("x", 1<<20-100)},
		})
	}
	b := archive(t, list...)
	_, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{})
	if !errors.Is(err, artifact.ErrUnsafe) {
		t.Fatalf("%d bytes of headers: %v", len(b), err)
	}
}

func TestUnpackTruncatedAndCorrupt(t *testing.T) {
	good := archive(t, file("a"), file("b"))
	corrupt := bytes.Clone(good)
	corrupt[len(corrupt)-6] ^= 0xff // inside the checksum of the gzip trailer
	for name, b := range map[string][]byte{"empty": nil, "half": good[:len(good)/2], "no trailer": good[:len(good)-4], "corrupt": corrupt, "not gzip": []byte("hello, world")} {
		if _, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{}); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestUnpackCancelled(t *testing.T) {
	c, cancel := context.WithCancel(t.Context())
	cancel()
	b := archive(t, file("a"))
	if _, err := artifact.Unpack(c, bytes.NewReader(b), 1, plugintest.Root(t, t.TempDir()), artifact.UnpackLimits{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestUnpackModes(t *testing.T) {
	b := archive(t, &tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o777}, &tar.Header{Typeflag: tar.TypeReg, Name: "d/x", Mode: 0o700}, &tar.Header{Typeflag: tar.TypeReg, Name: "d/y", Mode: 0o666})
	dir := t.TempDir()
	if _, err := artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"d/x": "-rwxr-xr-x", "d/y": "-rw-r--r--"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || os.PathSeparator == '/' && fmt.Sprint(st.Mode()) != want {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}

// FuzzUnpack checks that nothing is ever written outside the folder.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, file("a"), file("b/c")))
	f.Add(archive(f, file("../x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, _ = artifact.Unpack(t.Context(), bytes.NewReader(b), int64(len(b)), plugintest.Root(t, dir), artifact.UnpackLimits{Bytes: 1 << 20, Files: 100})
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Fatalf("wrote outside: %v, %v", entries, err)
		}
	})
}
