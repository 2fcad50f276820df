package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/plugstead/plugstead/internal/bench/fixture"
)

// openOCI starts an OCI registry in memory for peers.
func openOCI() *fixture.Counted {
	return fixture.Serve(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}

// ociManifest is an image manifest as the OCI image specification has it.
type ociManifest struct {
	SchemaVersion int       `json:"schemaVersion"`
	MediaType     string    `json:"mediaType"`
	ArtifactType  string    `json:"artifactType"`
	Config        ociBlob   `json:"config"`
	Layers        []ociBlob `json:"layers"`
}

type ociBlob struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// pushOCI pushes an artifact with one layer, without a config.
func pushOCI(ctx context.Context, url, repo, tag, artifactType, mediaType, title string, layer []byte) error {
	m := ociManifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: artifactType}
	var err error
	if m.Config, err = pushBlob(ctx, url, repo, "application/vnd.oci.empty.v1+json", []byte("{}")); err != nil {
		return err
	}
	b, err := pushBlob(ctx, url, repo, mediaType, layer)
	if err != nil {
		return err
	}
	b.Annotations = map[string]string{"org.opencontainers.image.title": title}
	m.Layers = []ociBlob{b}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return send(ctx, http.MethodPut, url+"/v2/"+repo+"/manifests/"+tag, m.MediaType, text)
}

func pushBlob(ctx context.Context, url, repo, mediaType string, b []byte) (ociBlob, error) {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(b))
	// One request, as the distribution specification allows.
	err := send(ctx, http.MethodPost, url+"/v2/"+repo+"/blobs/uploads/?digest="+digest, "application/octet-stream", b)
	return ociBlob{MediaType: mediaType, Digest: digest, Size: len(b)}, err
}

func send(ctx context.Context, method, url, mediaType string, b []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%s %s: %s %s", method, url, resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
