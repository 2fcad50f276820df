package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plugstead/plugstead/cmd/internal/server"
)

// maxFile is the size of a settings file in bytes.
const maxFile = 256 << 10

// EnvFile names the file when no flag does.
const EnvFile = "PLUGSTEAD_REGISTRY_CONFIG"

// Sources are the places that settings come from.
type Sources struct {
	Flags  map[string]string   // keys to values, which count most
	Getenv func(string) string // default os.Getenv
	File   string              // "": that which EnvFile names, or none
}

// Value is a setting with where it comes from.
type Value struct {
	Setting
	Value  string // "(secret)" if it is one and set
	Origin string // "default", "flag", the name of a variable, or FILE:LINE
}

// Loaded is what all sources say together.
type Loaded struct {
	Options server.Options // without Log
	Values  []Value        // of all settings, in the order of the table
	logs    target
}

// Load reads all sources. It returns ErrSetting, with the place, for what is not known or
// cannot be.
func Load(s Sources) (*Loaded, error) {
	if s.Getenv == nil {
		s.Getenv = os.Getenv
	}
	if s.File == "" {
		s.File = s.Getenv(EnvFile)
	}
	file, err := readFile(s.File)
	if err != nil {
		return nil, err
	}
	for key := range s.Flags {
		if _, err := find(key); err != nil {
			return nil, err
		}
	}
	l := &Loaded{}
	t := &l.logs
	for _, x := range table {
		v, secret := s.value(x, file)
		if err := x.set(t, v.Value); err != nil {
			shown := fmt.Sprintf(" %.80q", v.Value)
			if x.Secret {
				shown = ""
			}
			return nil, fmt.Errorf("%w: %s%s (%s): %w", ErrSetting, x.Key, shown, v.Origin, err)
		}
		if secret {
			v.Value = "(secret)"
		}
		l.Values = append(l.Values, v)
	}
	l.Options = t.Options
	if t.bucket.Bucket != "" {
		l.Options.Bucket = &t.bucket
	}
	return l, check(l.Options)
}

// check looks at settings that belong together.
func check(o server.Options) error {
	switch {
	case (o.Cert == "") != (o.Key == ""):
		return fmt.Errorf("%w: tls.cert and tls.key belong together", ErrSetting)
	case o.Redirect && o.Bucket == nil:
		return fmt.Errorf("%w: storage.redirect needs storage.bucket", ErrSetting)
	case o.Bucket != nil && o.Bucket.Prefix != "" && !strings.HasSuffix(o.Bucket.Prefix, "/"):
		return fmt.Errorf("%w: storage.prefix needs a slash at its end", ErrSetting)
	}
	return nil
}

// value finds what counts for a setting.
func (s Sources) value(x Setting, file map[string]Value) (v Value, secret bool) {
	v = Value{x, x.Default, "default"}
	if f, ok := file[x.Key]; ok {
		v.Value, v.Origin = f.Value, f.Origin
	}
	if e := s.Getenv(x.Env()); e != "" {
		v.Value, v.Origin = e, x.Env()
	}
	if f, ok := s.Flags[x.Key]; ok {
		v.Value, v.Origin = f, "flag"
	}
	return v, x.Secret && v.Value != ""
}

// Log makes the log that the settings ask for.
func (l *Loaded) Log(w io.Writer) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(l.logs.logLevel)) // one of those that the table allows
	o := &slog.HandlerOptions{Level: level}
	if l.logs.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// readFile reads a file, or nothing if there is none to be read.
func readFile(path string) (map[string]Value, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("%w: file %s: %w", ErrSetting, path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: file %s: %w", ErrSetting, path, err)
	}
	return Parse(path, b)
}

// Parse reads a settings file: YAML, keys and values in at most two levels. file names it in
// errors and origins.
func Parse(file string, b []byte) (map[string]Value, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSetting, file, err)
	}
	out := map[string]Value{}
	if len(doc.Content) == 0 {
		return out, nil
	}
	return out, walk(file, "", doc.Content[0], out)
}

// walk notes the values of a mapping.
func walk(file, prefix string, n *yaml.Node, out map[string]Value) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%w: %s:%d: want keys and values", ErrSetting, file, n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key, at := prefix+k.Value, fmt.Sprintf("%s:%d", file, k.Line)
		if prefix == "" && v.Kind == yaml.MappingNode {
			if err := walk(file, key+".", v, out); err != nil {
				return err
			}
			continue
		}
		x, err := find(key)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if v.Kind != yaml.ScalarNode || v.Anchor != "" || v.Tag == "!!null" {
			return fmt.Errorf("%w: %s: %s: want one value", ErrSetting, at, key)
		}
		if _, twice := out[key]; twice {
			return fmt.Errorf("%w: %s: %s is there twice", ErrSetting, at, key)
		}
		out[key] = Value{x, v.Value, at}
	}
	return nil
}
