package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ErrSecret says that a secret cannot be read.
var ErrSecret = errors.New("secret")

// maxSecret is how long a secret may be, in bytes.
const maxSecret = 64 << 10

// refKey is the key of a reference.
const refKey = "$secret"

// Ref says where a secret is: "env:NAME", an environment variable, or "file:/PATH", a file
// with nothing else in it but the end of its line.
type Ref string

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,255}$`)

// ParseRef reads a reference. The path of a file is absolute.
func ParseRef(s string) (Ref, error) {
	kind, where, _ := strings.Cut(s, ":")
	switch {
	case kind == "env" && envName.MatchString(where):
	case kind == "file" && filepath.IsAbs(where):
	default:
		return "", fmt.Errorf("%.200q is no reference to a secret: want env:NAME or file:/PATH", s)
	}
	return Ref(s), nil
}

// Value is r as it stands in a configuration.
func (r Ref) Value() map[string]any { return map[string]any{refKey: string(r)} }

// IsRef reports whether v, a value of a configuration, is a reference.
func IsRef(v any) bool {
	x, ok := v.(map[string]any)
	if !ok {
		return false
	}
	_, ok = x[refKey]
	return ok
}

func refOf(x map[string]any) (Ref, error) {
	s, ok := x[refKey].(string)
	if !ok || len(x) != 1 {
		return "", fmt.Errorf("want {%q: \"env:NAME\"} and nothing beside it", refKey)
	}
	return ParseRef(s)
}

// Read returns the secret. Errors wrap [ErrSecret] and do not show it.
func (r Ref) Read() (string, error) {
	kind, where, _ := strings.Cut(string(r), ":")
	var secret string
	if kind == "env" {
		s, ok := os.LookupEnv(where)
		if !ok {
			return "", fmt.Errorf("%w %s: the environment variable is not set", ErrSecret, r)
		}
		secret = s
	} else {
		b, err := readFile(where)
		if err != nil {
			return "", fmt.Errorf("%w %s: %w", ErrSecret, r, err)
		}
		secret = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	}
	if !utf8.ValidString(secret) { // it would become another one on its way
		return "", fmt.Errorf("%w %s: it is no text in UTF-8", ErrSecret, r)
	}
	return secret, nil
}

func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSecret {
		return nil, fmt.Errorf("want a file of at most %d bytes", maxSecret)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if len(b) > maxSecret { // it has grown
		return nil, fmt.Errorf("want a file of at most %d bytes", maxSecret)
	}
	return b, err
}

// Resolve returns the configuration that a plugin gets: text with the secrets in place of
// references, and these secrets, for a [Redactor]. Nothing gives nothing. Errors wrap [ErrForm] or
// [ErrSecret].
func Resolve(text string) (resolved json.RawMessage, secrets []string, err error) {
	if text == "" {
		return nil, nil, nil
	}
	object, err := Parse([]byte(text))
	if err != nil {
		return nil, nil, err
	}
	v, err := replace(object, "", func(at string, r Ref) (any, error) {
		s, err := r.Read()
		if err != nil {
			return nil, fmt.Errorf("configuration: %s: %w", at, err)
		}
		secrets = append(secrets, s)
		return s, nil
	})
	if err != nil {
		return nil, nil, err
	}
	resolved, err = json.Marshal(v)
	return resolved, secrets, err
}

// WithTexts returns object with a text in place of every reference, as a plugin would get it.
// The texts are none of the secrets.
func WithTexts(object map[string]any) any {
	v, err := replace(object, "", func(string, Ref) (any, error) { return strings.Repeat("x", 32), nil })
	if err != nil {
		return object // Parse would not have made it
	}
	return v
}
