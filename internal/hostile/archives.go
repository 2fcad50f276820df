// Package hostile makes payloads that nobody may unpack, for tests.
package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// Archive is a payload: a tar in gzip.
type Archive struct {
	Name  string // what is wrong with it
	Bytes []byte
	// Broken says that it is no archive at all, or ends early: it is refused as damaged,
	// not as unsafe.
	Broken bool
}

// Archives returns the corpus. Every payload has the file m.wasm first, so that nothing
// but its trick is a reason to refuse it.
func Archives() ([]Archive, error) {
	var out []Archive
	for name, list := range entries() {
		b, err := Tar(append([]*tar.Header{File("m.wasm")}, list...)...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		z, err := zip(b)
		if err != nil {
			return nil, err
		}
		out = append(out, Archive{Name: name, Bytes: z})
	}
	more, err := tricks()
	return append(out, more...), err
}

// File returns the header of a regular file of one byte.
func File(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o644}
}

// Tar writes entries filled with zeros.
func Tar(headers ...*tar.Header) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
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
	err := w.Close()
	return b.Bytes(), err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func zip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

// entries are archives whose entries say openly what they are.
func entries() map[string][]*tar.Header {
	dir := func(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
	link := func(kind byte, name, to string) *tar.Header {
		return &tar.Header{Typeflag: kind, Name: name, Linkname: to}
	}
	return map[string][]*tar.Header{
		"absolute":                   {File("/etc/passwd")},
		"dot dot":                    {File("../x")},
		"dot dot inside":             {File("a/../../x")},
		"dot dot folder":             {dir("../x/")},
		"unclean":                    {File("a//b")},
		"current folder":             {File("./a")},
		"no name":                    {File("")},
		"backslash":                  {File(`a\b`)},
		"backslash that escapes":     {File(`..\..\x`)},
		"drive letter":               {File("c:x")},
		"network share":              {File(`\\server\share\x`)},
		"stream":                     {File("a:b")},
		"symbolic link":              {link(tar.TypeSymlink, "l", "/etc/passwd")},
		"write through a link":       {link(tar.TypeSymlink, "l", ".."), File("l/x")},
		"hard link":                  {File("a"), link(tar.TypeLink, "l", "a")},
		"hard link outside":          {link(tar.TypeLink, "l", "../../x")},
		"character device":           {link(tar.TypeChar, "d", "")},
		"block device":               {link(tar.TypeBlock, "d", "")},
		"pipe":                       {link(tar.TypeFifo, "p", "")},
		"contiguous file":            {link(tar.TypeCont, "c", "")},
		"setuid":                     {{Typeflag: tar.TypeReg, Name: "s", Mode: 0o4755}},
		"setgid folder":              {{Typeflag: tar.TypeDir, Name: "s/", Mode: 0o2755}},
		"sticky":                     {{Typeflag: tar.TypeReg, Name: "s", Mode: 0o1644}},
		"name twice":                 {File("a"), File("a")},
		"the entry twice":            {File("m.wasm")},
		"case twice":                 {File("a"), File("A")},
		"case of folders":            {File("a/x"), File("A/y")},
		"case of folders, their own": {dir("A/"), dir("a/")},
		"file, then folder":          {File("a"), File("a/b")},
		"folder, then file":          {File("a/b"), File("a")},
		"long s":                     {File("ſ"), File("s")},
		"Kelvin":                     {File("\u212a"), File("k")},
		"composed and not":           {File("caf\u00e9"), File("cafe\u0301")},
		"composed folders":           {File("caf\u00e9/a"), File("CAFE\u0301/b")},
		"device of Windows":          {File("con")},
		"device with a suffix":       {File("a/NUL.txt")},
		"device with a number":       {File("com1.log")},
		"device with a raised one":   {File("lpt³")},
		"device with a space":        {File("con .txt")},
		"input of Windows":           {File("conin$")},
		"dot at the end":             {File("a./b")},
		"space at the end":           {File("a ")},
		"control character":          {File("a\x01b")},
		"line break":                 {File("a\nb")},
		"direction override":         {File("a\u202eb")},
		"zero width":                 {File("a\u200bb")},
		"not UTF-8":                  {File("a\xff")},
		"long name":                  {File(strings.Repeat("a", 256))},
		"long path":                  {File(strings.Repeat("a/", 300) + "b")},
		"path by an extended header": {{Typeflag: tar.TypeReg, Name: strings.Repeat("é", 90) + "/../../../x", Format: tar.FormatPAX, Size: 1}},
		"long name of GNU":           {{Typeflag: tar.TypeReg, Name: strings.Repeat("a/", 60) + strings.Repeat("../", 70) + "x", Format: tar.FormatGNU, Size: 1}},
		"bomb":                       {{Typeflag: tar.TypeReg, Name: "bomb", Size: 32 << 20}},
	}
}
