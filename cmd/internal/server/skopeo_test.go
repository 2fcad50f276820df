package server_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry"
)

// TestSkopeo logs in, pushes and pulls a plain image, and reads a plugin, with the program that
// Debian has. Typed indexes it rewrites, so plugins are not pushed with it.
func TestSkopeo(t *testing.T) {
	path, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skipped: skopeo is not installed (tools/ci-setup)")
	}
	data, home := t.TempDir(), t.TempDir()
	s := start(t, data)
	skopeo := func(args ...string) ([]byte, string, error) {
		c := exec.CommandContext(t.Context(), path, append([]string{"--insecure-policy"}, args...)...)
		c.Env = append(os.Environ(), "REGISTRY_AUTH_FILE="+filepath.Join(home, "auth.json"), "HOME="+home)
		var out, said bytes.Buffer
		c.Stdout, c.Stderr = &out, &said
		err := c.Run()
		return out.Bytes(), said.String(), err
	}
	host := strings.TrimPrefix(s.url, "http://")
	if _, _, err := skopeo("login", "--tls-verify=false", "-u", "token", "-p", "wrong", host); err == nil {
		t.Error("logged in with a wrong token")
	}
	if _, said, err := skopeo("login", "--tls-verify=false", "-u", "token", "-p", s.token, host); err != nil {
		t.Fatalf("login: %v\n%s", err, said)
	}
	store, err := server.OpenStore(t.Context(), server.Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(t.Context(), registry.Commit{Namespace: &registry.Namespace{Name: "images", Kind: registry.KindOCI}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	image, digest := imageLayout(t)
	if _, said, err := skopeo("copy", "--dest-tls-verify=false", "oci:"+image, "docker://"+host+"/images/base/os:1"); err != nil {
		t.Fatalf("push: %v\n%s", err, said)
	}
	raw, said, err := skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+host+"/images/base/os:1")
	if got, _, _ := v1.SHA256(bytes.NewReader(raw)); err != nil || got != digest {
		t.Errorf("inspect: %s, want %s, %v\n%s", got, digest, err, said)
	}
	back := filepath.Join(t.TempDir(), "back")
	if _, said, err := skopeo("copy", "--src-tls-verify=false", "docker://"+host+"/images/base/os@"+digest.String(), "dir:"+back); err != nil {
		t.Errorf("pull: %v\n%s", err, said)
	}
	p := plugintest.Pack(t, "acme/hello", "1.0.0")
	plugintest.Push(t, s.client(t, s.token).Target("acme/hello"), p)
	raw, said, err = skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+host+"/acme/hello:1.0.0")
	if got, _, _ := v1.SHA256(bytes.NewReader(raw)); err != nil || got.String() != string(p.Digest) {
		t.Errorf("inspect a plugin: %s, want %s, %v\n%s", got, p.Digest, err, said)
	}
}

// imageLayout writes an image of two layers as a layout.
func imageLayout(t *testing.T) (dir string, digest v1.Hash) {
	t.Helper()
	img, err := random.Image(100<<10, 2)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "image")
	l, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = l.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	if digest, err = img.Digest(); err != nil {
		t.Fatal(err)
	}
	return dir, digest
}
