package client

import (
	"errors"
	"strings"
	"testing"
)

func FuzzDockerConfig(f *testing.F) {
	f.Add([]byte(`{"auths":{"a.example":{"auth":"am9lOnB3"}}}`), "a.example")
	f.Add([]byte(`{"auths":{"https://a.example/v1/":{"registrytoken":"t"}},"credsStore":"x"}`), "a.example")
	f.Add([]byte(`{"credHelpers":{"b":"../x"},"auths":null}`), "b")
	f.Add([]byte(`{"auths":{"":{"username":"u"},"//":{"username":"v"}}}`), "")
	f.Fuzz(func(t *testing.T, b []byte, host string) {
		x, err := parseDockerConfig(b)
		if err != nil {
			if !errors.Is(err, ErrDockerConfig) {
				t.Fatal(err)
			}
			return
		}
		if h := x.helper(host); strings.ContainsAny(h, "/\\ \x00") || strings.HasPrefix(h, "-") || strings.HasPrefix(h, ".") {
			t.Fatalf("helper %q", h)
		}
		c, err := x.auth(host)
		if err != nil {
			if c != (Credential{}) {
				t.Fatal("a credential with an error")
			}
			return
		}
		if h, err := c.header(); err == nil && strings.ContainsAny(h, "\r\n\x00") {
			t.Fatalf("header %q", h)
		}
	})
}

func FuzzHelperAnswer(f *testing.F) {
	for _, s := range []string{`{"ServerURL":"a","Username":"u","Secret":"s"}`, `{"Username":"<token>","Secret":"s"}`, `{}`, `null`, `{"username":"u"}`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseHelperAnswer(b)
		if (err == nil) == (c == Credential{}) {
			t.Fatalf("%v, and a credential: %t", err, c != Credential{})
		}
		if h, err := c.header(); err == nil && strings.ContainsAny(h, "\r\n\x00") {
			t.Fatalf("header %q", h)
		}
	})
}

func TestHostOf(t *testing.T) {
	for key, want := range map[string]string{
		"a.example": "a.example", "A.Example:5000": "a.example:5000", "https://a.example": "a.example", "http://a.example/": "a.example",
		"https://a.example/v1/": "a.example", "a.example/v2": "a.example", "a.example/team": "", "https://index.docker.io/v1/": "index.docker.io",
		"docker.io": "index.docker.io", "": "",
	} {
		if got := hostOf(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}
