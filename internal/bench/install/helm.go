package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/internal/bench/fixture"
)

// helm installs one plugin per process and updates by removing and installing.
type helm struct {
	program string
	srv     *fixture.Counted
}

func newHelm(ctx context.Context, program, _ string) (installer, error) {
	h := &helm{program, openOCI()}
	for i := range plugins {
		for _, v := range []string{oldV, nextV} {
			name := fmt.Sprintf("p%02d", i)
			yaml := fmt.Sprintf("apiVersion: v1\ntype: cli/v1\nname: %s\nversion: %s\nruntime: subprocess\nconfig:\n  shortHelp: bench\nruntimeConfig:\n  platformCommand:\n    - command: $HELM_PLUGIN_DIR/plugin\n", name, v)
			b, err := tarGzip(map[string][]byte{"plugin.yaml": []byte(yaml), "plugin": fixture.Payload(i, v, payload)})
			if err != nil {
				return nil, err
			}
			title := name + "-" + v + ".tgz"
			if err := pushOCI(ctx, h.srv.URL, "plugins/"+name, v, "application/vnd.helm.plugin.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip", title, b); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
}

func (h *helm) Name() string { return "helm" }

func (h *helm) Requests() int64 { return h.srv.Requests.Load() }

func (h *helm) Installed(dir string) string { return dir }

func (h *helm) Cold(dir string) ([]command, error) { return h.install(dir, oldV), nil }

func (h *helm) Update(dir string) (list []command, err error) {
	for i := range plugins {
		list = append(list, h.command(dir, "uninstall", fmt.Sprintf("p%02d", i)))
	}
	return append(list, h.install(dir, nextV)...), nil
}

func (h *helm) Again(string) ([]command, error) { return nil, nil }

func (h *helm) install(dir, version string) (list []command) {
	for i := range plugins {
		ref := fmt.Sprintf("oci://%s/plugins/p%02d:%s", strings.TrimPrefix(h.srv.URL, "http://"), i, version)
		list = append(list, h.command(dir, "install", ref, "--plain-http", "--verify=false"))
	}
	return list
}

func (h *helm) command(dir string, args ...string) command {
	return command{
		args: append([]string{h.program, "plugin"}, args...),
		env: []string{
			"HOME=" + dir, "HELM_DATA_HOME=" + filepath.Join(dir, "data"),
			"HELM_CACHE_HOME=" + filepath.Join(dir, "cache"), "HELM_CONFIG_HOME=" + filepath.Join(dir, "config"),
		},
	}
}

// tarGzip makes an archive of executable files.
func tarGzip(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
