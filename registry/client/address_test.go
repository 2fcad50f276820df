package client_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/registry/client"
)

func TestIsAddress(t *testing.T) {
	for s, want := range map[string]bool{
		"http://x": true, "https://x/y/": true, "HTTP://x": true, "http://": true,
		"": false, "folder": false, "./127.0.0.1:8080": false, "/a/b": false, "a/b:80": false, `C:\plugins`: false, `C:plugins`: false, "a:b": false, "../x": false,
	} {
		if got, err := client.IsAddress(s); got != want || err != nil {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"127.0.0.1:8080", "localhost:8080/", "registry.example:443/plugins", "ftp://x", "file:///x", "oci://x/y", "://"} {
		if got, err := client.IsAddress(bad); got || !errors.Is(err, client.ErrAddress) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestPasswordIsNotRepeated(t *testing.T) {
	for _, s := range []string{"http://user:secret@x", "ftp://secret@x", "http://user:sec@ret@[::1"} {
		_, err := client.New(s, client.Options{})
		if !errors.Is(err, client.ErrAddress) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"http://x", "https://x:1/y//", "http://x#f", "http://u:p@x", "x:1", "http://x/%2f/", "http://[::1]:80", "http://x?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := client.New(s, client.Options{})
		if err != nil {
			if !errors.Is(err, client.ErrAddress) {
				t.Fatal(err)
			}
			return
		}
		id := c.Identity()
		u, err := url.Parse(id)
		if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(id, "/") {
			t.Fatalf("%q has the identity %q: %v", s, id, err)
		}
		if yes, err := client.IsAddress(s); !yes || err != nil {
			t.Fatalf("%q: %v, %v", s, yes, err)
		}
		if again, err := client.New(id, client.Options{}); err != nil || again.Identity() != id {
			t.Fatalf("%q, then %q: %v", s, id, err)
		}
	})
}
