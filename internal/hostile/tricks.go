package hostile

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
)

// tricks are archives that no library writes.
func tricks() ([]Archive, error) {
	good, err := Tar(File("m.wasm"), File("a"))
	if err != nil {
		return nil, err
	}
	packed, err := zip(good)
	if err != nil {
		return nil, err
	}
	trailer := bytes.Clone(packed)
	trailer[len(trailer)-6] ^= 0xff // inside the checksum
	headers, err := headerBomb()
	if err != nil {
		return nil, err
	}
	out := []Archive{
		{"nothing", nil, true},
		{"not gzip", []byte("hello, world"), true},
		{"half of it", packed[:len(packed)/2], true},
		{"no trailer", packed[:len(packed)-4], true},
		{"another checksum of gzip", trailer, true},
		{"headers without content", headers, false},
	}
	for _, x := range []struct {
		name   string
		raw    []byte
		broken bool
	}{
		{"a size beyond the end", patched(good, 0, "77777777777"), false},
		{"a negative size", patched(good, 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), true},
		{"a size that is no number", patched(good, 0, "many"), true},
		{"another checksum of a header", changed(good, 149), true},
		{"a size in an extended header", extended("size", "9999999999"), false},
		{"a path in an extended header", extended("path", "../../x"), false},
		{"a path with a zero byte", extended("path", "a\x00/../../x"), true},
		{"an extended header that lies about its length", raw('x', "99 path=x\n", "a"), true},
		{"an extended header for all", raw('g', record("path", "../x"), "a"), false},
		{"a sparse file", raw('S', "", "a"), true},
		{"an unknown type", raw('Z', "x", "a"), false},
	} {
		b, err := zip(x.raw)
		if err != nil {
			return nil, err
		}
		out = append(out, Archive{x.name, b, x.broken})
	}
	return out, nil
}

// headerBomb has files without content whose headers hold 1 MiB each.
func headerBomb() ([]byte, error) {
	list := []*tar.Header{File("m.wasm")}
	for i := range 90 {
		list = append(list, &tar.Header{
			Typeflag: tar.TypeReg, Name: fmt.Sprint(i), Format: tar.FormatPAX,
			PAXRecords: map[string]string{"X.y": strings.Repeat("x", 1<<20-100)},
		})
	}
	b, err := Tar(list...)
	if err != nil {
		return nil, err
	}
	return zip(b)
}

const block = 512

// patched returns an archive of files of one byte in which the n-th has another text
// where its size stands.
func patched(b []byte, n int, size string) []byte {
	b = bytes.Clone(b)
	h := b[n*2*block : n*2*block+block]
	clear(h[124:136])
	copy(h[124:136], size)
	sum(h)
	return b
}

func changed(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// sum writes the checksum of a header, as POSIX.1-1988 describes it.
func sum(h []byte) {
	copy(h[148:156], "        ")
	total := 0
	for _, c := range h {
		total += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", total))
}

// raw returns an archive with one entry of a type, and a file behind it.
func raw(kind byte, content, name string) []byte {
	b := header("m.wasm", '0', 0)
	b = append(b, header("x", kind, len(content))...)
	b = append(b, content...)
	b = append(b, make([]byte, (block-len(content)%block)%block)...)
	b = append(b, header(name, '0', 0)...)
	return append(b, make([]byte, 2*block)...)
}

func header(name string, kind byte, size int) []byte {
	h := make([]byte, block)
	copy(h, name)
	copy(h[100:], "0000644\x00")
	copy(h[124:], fmt.Sprintf("%011o", size))
	copy(h[136:], "00000000000")
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	sum(h)
	return h
}

// extended returns an archive with an extended header of the pax format.
func extended(key, value string) []byte { return raw('x', record(key, value), "a") }

// record is one record of an extended header: its length, which counts itself.
func record(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	n := len(rest)
	for n != len(fmt.Sprint(n))+len(rest) {
		n = len(fmt.Sprint(n)) + len(rest)
	}
	return fmt.Sprint(n) + rest
}
