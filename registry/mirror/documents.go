package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// partial is a source that may lack some of what its documents name.
type partial interface {
	Available(ctx context.Context) (*index.Available, error)
}

// documents reads each document of a source once. It is an index.Index, not for concurrent
// use.
type documents struct {
	from  fetch.Source
	there *index.Available // nil: everything
	raw   map[manifest.ID][]byte
	read  map[manifest.ID]*index.Plugin // nil: there is none
	size  int
}

func openDocuments(ctx context.Context, from fetch.Source) (*documents, error) {
	d := &documents{from: from, raw: map[manifest.ID][]byte{}, read: map[manifest.ID]*index.Plugin{}}
	if p, ok := from.(partial); ok {
		var err error
		if d.there, err = p.Available(ctx); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Plugin implements index.Index: releases that the source has not count as yanked.
func (d *documents) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	p, err := d.find(ctx, id)
	if err == nil && p == nil {
		err = fmt.Errorf("index of %s: %w", id, index.ErrNotFound)
	}
	return p, err
}

// find is Plugin that returns nil for a name without a document.
func (d *documents) find(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	if p, ok := d.read[id]; ok {
		return p, nil
	}
	raw, err := d.document(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		d.read[id] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := index.Parse(id, raw)
	if err != nil {
		return nil, err
	}
	if d.size += len(raw); d.size > fetch.MaxIndexBytes {
		return nil, fmt.Errorf("%w: more than %d bytes with that of %s", fetch.ErrTooMuch, fetch.MaxIndexBytes, id)
	}
	d.raw[id], d.read[id] = raw, d.there.Narrow(p)
	return d.read[id], nil
}

// document asks the source for the bytes of a document.
func (d *documents) document(ctx context.Context, id manifest.ID) ([]byte, error) {
	switch from := d.from.(type) {
	case fetch.Verbatim:
		return from.Raw(ctx, id)
	case fetch.Remote:
		a, err := from.Document(ctx, id, "")
		return a.Bytes, err
	}
	p, err := d.from.Plugin(ctx, id)
	if err != nil {
		return nil, err
	}
	return p.Bytes()
}

// names lists all plugins of the source, or fails with [ErrCannotList].
func (d *documents) names(ctx context.Context) ([]manifest.ID, error) {
	if l, ok := d.from.(index.Lister); ok {
		names, err := l.Names(ctx)
		if !errors.Is(err, registry.ErrNotFound) { // a server from before there were lists
			return names, err
		}
	}
	if d.there != nil { // a file server cannot list folders
		return d.there.Names(), nil
	}
	switch from := d.from.(type) {
	case *fetch.Folder:
		return folderNames(ctx, from)
	case index.Searcher:
		return found(ctx, from)
	}
	return nil, fmt.Errorf("%s: %w", d.from.Identity(), ErrCannotList)
}

func folderNames(ctx context.Context, from *fetch.Folder) ([]manifest.ID, error) {
	var out []manifest.ID
	for t, err := range from.Store.Tags(ctx) {
		if err != nil {
			return nil, err
		}
		id, err := manifest.ParseID(t.Name)
		if err != nil || slices.Contains(out, id) {
			continue // of another tool
		}
		if _, err := from.Plugin(ctx, id); errors.Is(err, artifact.ErrNotPlugin) {
			continue
		}
		out = append(out, id)
	}
	return out, nil
}

// found lists what a search for nothing finds. A full answer may be a part of more: a
// search has no second page.
func found(ctx context.Context, from index.Searcher) ([]manifest.ID, error) {
	var out []manifest.ID
	for h, err := range from.Search(ctx, index.Query{Limit: index.MaxLimit}) {
		if err != nil {
			return nil, err
		}
		out = append(out, h.ID)
	}
	if len(out) >= index.MaxLimit {
		return nil, fmt.Errorf("%w: a search finds %d and perhaps more", ErrCannotList, len(out))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
