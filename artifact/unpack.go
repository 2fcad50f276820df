package artifact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/plugstead/plugstead/internal/durable"
)

// ErrUnsafe says that a payload holds something that may not be unpacked.
var ErrUnsafe = errors.New("unsafe archive")

// UnpackLimits bound what one payload may unpack to. Zero fields take the default.
type UnpackLimits struct {
	Bytes int64 // of all files together; default 4 GiB
	Files int   // files and folders; default 20,000
	Ratio int64 // unpacked bytes per packed byte, beyond the first 16 MiB; default 200
	Path  int   // bytes of one path; default 400
}

func (l UnpackLimits) withDefaults() UnpackLimits {
	if l.Bytes == 0 {
		l.Bytes = 4 << 30
	}
	if l.Files == 0 {
		l.Files = 20_000
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	if l.Path == 0 {
		l.Path = 400
	}
	return l
}

const (
	maxPart   = 255      // bytes between two slashes: where file systems end
	ratioFree = 16 << 20 // bytes that may come out before the ratio counts
	tarFree   = 64 << 20 // bytes of a tar stream that are no content: headers, padding
)

// bytes returns how many bytes a payload of packed bytes may unpack to.
func (l UnpackLimits) bytes(packed int64) int64 {
	if packed > l.Bytes/l.Ratio {
		return l.Bytes
	}
	return min(l.Bytes, max(ratioFree, packed*l.Ratio))
}

// File is one regular file of a payload, as it was unpacked.
type File struct {
	Path       string `json:"path"` // with slashes, relative
	Size       int64  `json:"size"` // bytes
	Executable bool   `json:"executable,omitempty"`
	Digest     Digest `json:"digest"`
}

// Unpack extracts the tar+gzip payload r of packed bytes into dir, which is empty, and
// returns the files in the order of the archive. Only regular files and folders with
// plain relative names are accepted; anything else is refused with [ErrUnsafe]. Every
// file is synced; folders are not. On an error the content of dir is undefined and the
// caller removes it.
func Unpack(ctx context.Context, r io.Reader, packed int64, dir *os.Root, l UnpackLimits) ([]File, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	u := unpacker{dir: dir, l: l.withDefaults(), names: map[string]string{}}
	u.left = u.l.bytes(packed)
	t := tar.NewReader(&capped{z, u.left + tarFree})
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		if err := u.entry(h, t); err != nil {
			return nil, fmt.Errorf("unpack %.200q: %w", h.Name, err)
		}
	}
	// Read to the end: the digest of a stream is known only there.
	if _, err := io.Copy(io.Discard, io.LimitReader(z, ratioFree)); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	_, err = io.Copy(io.Discard, r)
	return u.written, err
}

type unpacker struct {
	dir     *os.Root
	l       UnpackLimits
	left    int64
	files   int
	buf     []byte
	written []File
	names   map[string]string // by folded name: a file, or a folder with a slash behind it
}

// capped fails where a tar stream is longer than its content explains: headers
// may be large and are compressed well.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("%w: more bytes between the files than allowed", ErrUnsafe)
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	name, err := u.checkName(h)
	if err != nil {
		return err
	}
	if err := u.count(); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		return u.mkdir(name)
	}
	if u.left -= h.Size; h.Size < 0 || u.left < 0 {
		return fmt.Errorf("%w: unpacks to more bytes than allowed", ErrUnsafe)
	}
	if err := u.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if _, taken := u.names[foldName(name)]; taken {
		return fmt.Errorf("%w: the name is taken", ErrUnsafe)
	}
	u.names[foldName(name)] = name
	return u.write(name, h, r)
}

// count counts a file, an entry for a folder, or a folder that is made.
func (u *unpacker) count() error {
	if u.files++; u.files > u.l.Files {
		return fmt.Errorf("%w: more than %d files and folders", ErrUnsafe, u.l.Files)
	}
	return nil
}

func (u *unpacker) checkName(h *tar.Header) (string, error) {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return "", fmt.Errorf("%w: entry of type %q; only files and folders are allowed", ErrUnsafe, h.Typeflag)
	}
	if h.Mode&^0o777 != 0 {
		return "", fmt.Errorf("%w: mode %o has special bits", ErrUnsafe, h.Mode)
	}
	name := h.Name
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	return name, checkPath(name, u.l.Path)
}

func (u *unpacker) mkdir(name string) error {
	for at := 0; name != "." && at >= 0; {
		next := strings.IndexByte(name[at:], '/')
		part := name
		if next >= 0 {
			at += next + 1
			part = name[:at-1]
		} else {
			at = -1
		}
		k := foldName(part)
		switch known, ok := u.names[k]; {
		case known == part+"/":
			continue
		case ok && !strings.HasSuffix(known, "/"):
			return fmt.Errorf("%w: %s is a file", ErrUnsafe, part)
		case ok:
			return fmt.Errorf("%w: %s differs from another name only in case", ErrUnsafe, part)
		}
		u.names[k] = part + "/"
		if err := u.count(); err != nil {
			return err
		}
		if err := u.dir.Mkdir(part, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) write(name string, h *tar.Header, r io.Reader) error {
	perm := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		perm = 0o755
	}
	f, err := u.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	if u.buf == nil {
		u.buf = make([]byte, 256<<10)
	}
	sum := sha256.New()
	// Only Read and Write, so that the buffer is used.
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(sum, durable.Writer(f))}, struct{ io.Reader }{r}, u.buf)
	if err == nil {
		err = f.Chmod(perm) // whatever umask says
	}
	if err == nil {
		err = durable.Sync(f)
	}
	u.written = append(u.written, File{name, n, perm == 0o755, Digest(sha256Prefix + hex.EncodeToString(sum.Sum(nil)))})
	return errors.Join(err, f.Close())
}

// checkPath accepts a name that means the same file on every system.
func checkPath(name string, limit int) error {
	if len(name) > limit {
		return fmt.Errorf("%w: path of %d bytes", ErrUnsafe, len(name))
	}
	if !fs.ValidPath(name) || name == "." || !utf8.ValidString(name) {
		return fmt.Errorf("%w: not a plain relative path", ErrUnsafe)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`\:*?"<>|`, r) {
			return fmt.Errorf("%w: character %U in the name", ErrUnsafe, r)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := checkPart(part); err != nil {
			return err
		}
	}
	return nil
}

// ports are what makes COM and LPT a device on Windows.
var ports = strings.Split("0123456789¹²³", "")

func checkPart(part string) error {
	if len(part) > maxPart {
		return fmt.Errorf("%w: name of %d bytes", ErrUnsafe, len(part))
	}
	if strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
		return fmt.Errorf("%w: name ends in a dot or space", ErrUnsafe)
	}
	base, _, _ := strings.Cut(strings.ToUpper(part), ".")
	base = strings.TrimRight(base, " ")
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return fmt.Errorf("%w: %s is a reserved name on Windows", ErrUnsafe, part)
	}
	if port, ok := strings.CutPrefix(strings.Replace(base, "LPT", "COM", 1), "COM"); ok && slices.Contains(ports, port) {
		return fmt.Errorf("%w: %s is a reserved name on Windows", ErrUnsafe, part)
	}
	return nil
}

// foldName maps names that some file system cannot tell apart to one key: those that
// differ only in case or in how accents are composed.
func foldName(name string) string {
	if ascii(name) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(name))))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
