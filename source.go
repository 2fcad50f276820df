package plugstead

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/store/disk"
)

// OpenSource opens a source of plugins by its name: the http or https address of a registry
// or of a file server with a static tree; oci://HOST/PREFIX, for any OCI registry; or the
// path, or the file:// address, of a static tree, of a bundle, of a folder of packed plugins,
// or of a drop-in folder; "dropin:PATH" is a drop-in folder although it may be empty. An empty
// text is no source and no error; for an address that no source can have the error wraps
// client.ErrAddress or oci.ErrName. There is nothing to close.
func OpenSource(s string) (fetch.Source, error) {
	if s == "" {
		return nil, nil
	}
	if dir, ok := strings.CutPrefix(s, dropin.Prefix); ok {
		return openDropin(dir)
	}
	path, ok, err := filePath(s)
	if err != nil {
		return nil, err
	}
	if ok {
		return openLocal(path)
	}
	if oci.Is(s) {
		return oci.Open(s, client.Options{Credentials: client.Docker{}})
	}
	address, err := client.IsAddress(s)
	switch {
	case err != nil:
		return nil, err
	case address:
		return static.At(s)
	}
	return openLocal(s)
}

// OpenMirrored opens the source named origin and the mirrors of it, which are asked first, in
// their order; see fetch.Mirrored. Names are those of [OpenSource]. Without mirrors it is
// OpenSource; mirrors of no origin are an error that wraps fetch.ErrNoSource.
func OpenMirrored(origin string, mirrors ...string) (fetch.Source, error) {
	from, err := OpenSource(origin)
	if err != nil || len(mirrors) == 0 {
		return from, err
	}
	if from == nil {
		return nil, fmt.Errorf("mirror %.200q of nothing: %w", mirrors[0], fetch.ErrNoSource)
	}
	m := fetch.Mirrored{Origin: from}
	for _, name := range mirrors {
		s, err := OpenSource(name)
		if err == nil && s == nil {
			err = fetch.ErrNoSource
		}
		if err != nil {
			return nil, fmt.Errorf("mirror %.200q: %w", name, err)
		}
		m.Sources = append(m.Sources, s)
	}
	m.Sources = append(m.Sources, from)
	return m, nil
}

func openLocal(path string) (fetch.Source, error) {
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		return bundle.Open(path)
	}
	if static.Is(path) {
		return static.Open(path)
	}
	f, err := fetch.OpenFolder(path)
	if errors.Is(err, disk.ErrNotLayout) && dropin.Is(path) {
		return openDropin(path)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func openDropin(path string) (fetch.Source, error) {
	f, err := dropin.Open(path, dropin.Options{})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// filePath returns the path that a file:// address names. ok is false for another text.
func filePath(s string) (path string, ok bool, err error) {
	if len(s) < 7 || !strings.EqualFold(s[:7], "file://") {
		return "", false, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Path == "" {
		return "", true, fmt.Errorf("%.200q: %w; a file is file:///PATH", s, client.ErrAddress)
	}
	path = u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/") // of /C:/folder
	}
	return filepath.FromSlash(path), true, nil
}
