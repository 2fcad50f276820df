package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/internal/bench/fixture"
)

// tofu installs providers from a server of the provider registry protocol. It never runs
// them, so any file will do.
type tofu struct {
	program string
	srv     *fixture.Counted
	zips    map[string][]byte // by name of the file
}

func newTofu(_ context.Context, program, _ string) (installer, error) {
	t := &tofu{program: program, zips: map[string][]byte{}}
	for i := range plugins {
		for _, v := range []string{oldV, nextV} {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			h := &zip.FileHeader{Name: fmt.Sprintf("terraform-provider-p%02d_v%s", i, v), Method: zip.Deflate}
			h.SetMode(0o755)
			w, err := z.CreateHeader(h)
			if err != nil {
				return nil, err
			}
			if _, err := w.Write(fixture.Payload(i, v, payload)); err != nil {
				return nil, err
			}
			if err := z.Close(); err != nil {
				return nil, err
			}
			t.zips[t.file(i, v)] = b.Bytes()
		}
	}
	t.srv = fixture.Serve(t.handler())
	return t, nil
}

func (t *tofu) file(i int, v string) string {
	return fmt.Sprintf("terraform-provider-p%02d_%s_linux_amd64.zip", i, v)
}

// handler serves the provider registry protocol for the namespace bench.
func (t *tofu) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/providers/bench/{name}/versions", func(w http.ResponseWriter, _ *http.Request) {
		var list []any
		for _, v := range []string{oldV, nextV} {
			list = append(list, map[string]any{"version": v, "protocols": []string{"5.0"}, "platforms": []any{map[string]string{"os": "linux", "arch": "amd64"}}})
		}
		answer(w, map[string]any{"versions": list})
	})
	mux.HandleFunc("GET /v1/providers/bench/{name}/{version}/download/linux/amd64", func(w http.ResponseWriter, r *http.Request) {
		file := fmt.Sprintf("terraform-provider-%s_%s_linux_amd64.zip", r.PathValue("name"), r.PathValue("version"))
		url := "http://" + r.Host + "/files/" + file
		answer(w, map[string]any{
			"protocols": []string{"5.0"}, "os": "linux", "arch": "amd64", "filename": file, "download_url": url,
			"shasum":      fmt.Sprintf("%x", sha256.Sum256(t.zips[file])),
			"shasums_url": url + ".sums", "shasums_signature_url": url + ".sig",
			"signing_keys": map[string]any{"gpg_public_keys": []any{}},
		})
	})
	mux.HandleFunc("GET /files/{file}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		if f, ok := strings.CutSuffix(name, ".sums"); ok {
			fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(t.zips[f]), f)
			return
		}
		if b, ok := t.zips[name]; ok {
			_, _ = w.Write(b)
		} else if !strings.HasSuffix(name, ".sig") {
			http.NotFound(w, r)
		}
	})
	return mux
}

func answer(w http.ResponseWriter, x any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(x)
}

func (t *tofu) Name() string { return "tofu" }

func (t *tofu) Requests() int64 { return t.srv.Requests.Load() }

func (t *tofu) Installed(dir string) string { return filepath.Join(dir, ".terraform") }

func (t *tofu) Cold(dir string) ([]command, error) { return t.init(dir, oldV) }

func (t *tofu) Update(dir string) ([]command, error) { return t.init(dir, nextV, "-upgrade") }

func (t *tofu) Again(dir string) ([]command, error) { return t.init(dir, nextV) }

func (t *tofu) init(dir, v string, more ...string) ([]command, error) {
	var b strings.Builder
	b.WriteString("terraform {\n  required_providers {\n")
	for i := range plugins {
		fmt.Fprintf(&b, "    p%02d = { source = \"bench/p%02d\", version = \"%s\" }\n", i, i, v)
	}
	b.WriteString("  }\n}\n")
	rc := fmt.Sprintf("host \"registry.opentofu.org\" {\n  services = { \"providers.v1\" = \"%s/v1/providers/\" }\n}\nprovider_installation {\n  direct {}\n}\n", t.srv.URL)
	for name, text := range map[string]string{"main.tf": b.String(), "tofurc": rc} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return []command{{
		args: append([]string{t.program, "init", "-no-color", "-input=false"}, more...),
		env:  []string{"HOME=" + dir, "TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "tofurc"), "CHECKPOINT_DISABLE=1"}, dir: dir,
	}}, nil
}
