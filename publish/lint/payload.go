package lint

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// payload is what rules see of one payload.
type payload struct {
	runtime  string
	platform manifest.Platform
	size     int64 // packed, bytes
	files    []file
}

// file is one regular file with its first bytes.
type file struct {
	path string
	head []byte
}

const (
	maxFiles  = 20_000
	maxOpened = 4 << 30 // bytes that one payload may unpack to
	maxHead   = 4 << 10
)

// readPayloads looks into the payloads; what several platforms share is read once.
func (s *subject) readPayloads(ctx context.Context, b artifact.Blobs) error {
	seen := map[artifact.Digest][]file{}
	for _, ref := range s.Packages {
		p, err := artifact.ReadPackage(ctx, b, ref)
		if err != nil {
			return err
		}
		d := p.Payload
		if _, ok := seen[d.Digest]; !ok {
			if seen[d.Digest], err = openPayload(ctx, b, d); err != nil {
				return fmt.Errorf("payload for %s: %w", ref.Platform, err)
			}
		}
		s.payloads = append(s.payloads, payload{ref.Runtime, ref.Platform, d.Size, seen[d.Digest]})
	}
	return nil
}

func openPayload(ctx context.Context, b artifact.Blobs, d artifact.Descriptor) ([]file, error) {
	r, err := b.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readPayload(artifact.Verify(r, d))
}

// errLarge says that a payload is not looked into any further.
var errLarge = errors.New("more files or bytes than a payload may have")

// readPayload lists the files of a tar+gzip archive.
func readPayload(r io.Reader) ([]file, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: z, N: maxOpened + 1}
	t := tar.NewReader(limited)
	var out []file
	for {
		h, err := t.Next()
		if limited.N <= 0 || len(out) > maxFiles {
			return nil, errLarge
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		head, err := io.ReadAll(io.LimitReader(t, maxHead))
		if err != nil {
			return nil, err
		}
		out = append(out, file{h.Name, head})
	}
}

// secretNames are names of files that hold secrets and nothing else.
var secretNames = []string{
	".env", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".htpasswd",
	"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials.json", ".dockerconfigjson",
}

// secretMarks are how secrets begin.
var secretMarks = []string{"-----BEGIN RSA PRIVATE KEY", "-----BEGIN EC PRIVATE KEY", "-----BEGIN PRIVATE KEY", "-----BEGIN OPENSSH PRIVATE KEY", "-----BEGIN ENCRYPTED PRIVATE KEY", "-----BEGIN PGP PRIVATE KEY BLOCK"}

// eachFile asks f about every file of every payload, once for each path.
func (s *subject) eachFile(f func(file) string) (out []string) {
	for _, p := range s.payloads {
		for _, x := range p.files {
			if said := f(x); said != "" && !slices.Contains(out, said) {
				out = append(out, said)
			}
		}
	}
	return out
}

func secrets(s *subject) []string {
	return s.eachFile(func(x file) string {
		if slices.Contains(secretNames, path.Base(x.path)) {
			return x.path + " is a file for secrets"
		}
		head := bytes.TrimLeft(x.head, " \t\r\n\ufeff")
		for _, mark := range secretMarks {
			if bytes.HasPrefix(head, []byte(mark)) { // programs hold the words further on
				return x.path + " holds a private key"
			}
		}
		return ""
	})
}

// litterNames are files and folders that belong to the machine of the author.
var litterNames = []string{".git", ".hg", ".svn", ".DS_Store", "Thumbs.db", ".idea", ".vscode", "__pycache__"}

func litter(s *subject) []string {
	return s.eachFile(func(x file) string {
		for part := range strings.SplitSeq(x.path, "/") {
			if slices.Contains(litterNames, part) || strings.HasSuffix(part, ".swp") || strings.HasSuffix(part, "~") {
				return x.path + " is not needed to run the plugin"
			}
		}
		return ""
	})
}
