package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/registry"
)

func invalidPlugin(err error) error {
	return &registry.Error{Code: registry.CodePluginInvalid, Detail: err.Error(), Err: err}
}

// release makes the index record of a version that is being published. Every tag is
// a publication: the tag is the version, the repository is the id. What could be better is
// put into the header of the answer.
func (h *handler) release(ctx context.Context, repo string, p *push, answer http.Header) (*registry.Release, error) {
	if len(p.tags) != 1 {
		return nil, invalidPlugin(errors.New("a plugin has one tag, which is its version"))
	}
	if !artifact.IsPlugin(p.m.Raw) {
		return nil, invalidPlugin(fmt.Errorf("%w: only plugins can be tagged here", artifact.ErrNotPlugin))
	}
	blobs := registry.RepoBlobs{Backend: h.b, Repo: repo}
	im, err := artifact.Read(ctx, overlay(blobs, p.m), p.m.Descriptor)
	if err != nil {
		return nil, invalidPlugin(err)
	}
	if string(im.Manifest.ID) != repo || artifact.TagOf(im.Manifest.Version) != p.tags[0] {
		return nil, invalidPlugin(fmt.Errorf("this is %s %s, and the tag is %s:%s", im.Manifest.ID, im.Manifest.Version, repo, p.tags[0]))
	}
	found, err := lint.Run(ctx, blobs, im, lint.Options{})
	if err == nil {
		err = lint.Errors(found)
	}
	if err != nil {
		return nil, invalidPlugin(err)
	}
	warn(answer, found)
	rec, err := index.RecordOf(ctx, blobs, im, h.o.Now())
	if err != nil {
		return nil, invalidPlugin(err)
	}
	rel, err := index.NewRelease(rec)
	if err != nil {
		return nil, err
	}
	out := &registry.Release{Release: rel, Header: index.Header{
		V: index.Version, ID: im.Manifest.ID, Summary: im.Manifest.Summary, License: im.Manifest.License, Keywords: im.Manifest.Keywords,
	}}
	if doc, ok := im.Documents["README.md"]; ok {
		b, err := artifact.ReadBlob(ctx, blobs, doc.Descriptor, artifact.MaxDocument)
		if err != nil {
			return nil, invalidPlugin(err)
		}
		out.Readme = string(b)
	}
	return out, nil
}
