package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
)

// Limits of a list of tags.
const (
	MaxTags     = 50_000
	MaxTagPages = 1000
	tagsPerPage = 1000 // asked for; a registry may give fewer
	maxLink     = 8 << 10
)

// Repository is one repository of any OCI registry. Its methods allow concurrent calls.
type Repository struct{ repo }

var (
	_ artifact.Blobs = (*Repository)(nil)
	_ fetch.Ranger   = (*Repository)(nil)
)

// Repository returns the repository of a name, which must be one of OCI Distribution 1.1. It
// touches no network. With [Options.Plain] tokens of a token server are kept as long as the
// Repository is.
func (c *Client) Repository(name string) *Repository {
	if c.account != nil {
		c = new(*c)
		c.access = newAccess(c, c.account)
	}
	return &Repository{repo{c, name}}
}

// Name returns the name of the repository.
func (r *Repository) Name() string { return r.name }

// Tags lists all tags, in the order of the registry. The error wraps registry.ErrNotFound if
// the registry knows no such repository, and [ErrProtocol] beyond [MaxTags] and
// [MaxTagPages].
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	query := fmt.Sprintf("n=%d", tagsPerPage)
	for range MaxTagPages {
		page, next, err := r.page(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("tags of %s: %w", r.name, err)
		}
		before := len(out)
		for _, t := range page {
			if !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
		switch {
		case len(out) > MaxTags:
			return nil, fmt.Errorf("tags of %s: %w: more than %d", r.name, ErrProtocol, MaxTags)
		case next == "":
			return out, nil
		case len(out) == before:
			return nil, fmt.Errorf("tags of %s: %w: a page without a new tag, and a next one", r.name, ErrProtocol)
		}
		query = next
	}
	return nil, fmt.Errorf("tags of %s: %w: more than %d pages", r.name, ErrProtocol, MaxTagPages)
}

// page reads one page and the query of the next.
func (r *Repository) page(ctx context.Context, query string) (tags []string, next string, err error) {
	req, err := r.c.request(ctx, http.MethodGet, "/v2/"+r.name+"/tags/list?"+query, nil)
	if err != nil {
		return nil, "", err
	}
	res, err := r.c.get(req, 4*maxAnswer+1, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, "", err
	}
	if res.StatusCode == http.StatusNotFound {
		return nil, "", absent(req, res)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, "", err
	}
	var x struct {
		Tags []string `json:"tags"`
	}
	if len(b) > 4*maxAnswer {
		return nil, "", fmt.Errorf("%w: a page of more than %d bytes", ErrProtocol, 4*maxAnswer)
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return x.Tags, nextQuery(res.Header.Values("Link")), nil
}

// absent is the error of a 404 by a registry. One without a code comes from something else
// and says nothing about the repository.
func absent(r *http.Request, res *http.Response) error {
	err := refusal(r, res)
	if _, coded := errors.AsType[*registry.Error](err); coded {
		return fmt.Errorf("%w: %w", registry.ErrNotFound, err)
	}
	return fmt.Errorf("%w: GET %s: 404 without a code", ErrProtocol, r.URL.Path)
}

// nextQuery returns the query of the link to the next page, of RFC 8288. The rest of the link
// is not used: proxies spell it as they like, and another place is not asked.
func nextQuery(headers []string) string {
	for _, h := range headers {
		if len(h) > maxLink {
			continue
		}
		for h != "" {
			_, rest, ok := strings.Cut(h, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			params, h, _ = strings.Cut(params, "<") // of this link, and the rest
			u, err := url.Parse(target)
			if err == nil && isNext(params) {
				return u.Query().Encode()
			}
			if h != "" {
				h = "<" + h
			}
		}
	}
	return ""
}

func isNext(params string) bool {
	for p := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == ';' || r == ',' }) {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(key), "rel") && strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next") {
			return true
		}
	}
	return false
}

// Manifest returns the manifest of a tag, of at most limit bytes, with its digest. media is
// the media type asked for; that of the descriptor is what the registry says. If there is
// none the error wraps registry.ErrNotFound.
func (r *Repository) Manifest(ctx context.Context, tag, media string, limit int64) (artifact.Descriptor, []byte, error) {
	req, err := r.manifest(ctx, http.MethodGet, tag, media)
	if err != nil {
		return artifact.Descriptor{}, nil, err
	}
	res, err := r.c.get(req, limit+1, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return artifact.Descriptor{}, nil, fmt.Errorf("%s:%s: %w", r.name, tag, err)
	}
	if res.StatusCode == http.StatusNotFound {
		return artifact.Descriptor{}, nil, fmt.Errorf("%s:%s: %w", r.name, tag, absent(req, res))
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return artifact.Descriptor{}, nil, err
	}
	if int64(len(b)) > limit {
		return artifact.Descriptor{}, nil, fmt.Errorf("%s:%s: %w: more than %d bytes", r.name, tag, ErrProtocol, limit)
	}
	d := artifact.Describe(contentType(res), b)
	if said := res.Header.Get("Docker-Content-Digest"); said != "" && said != string(d.Digest) {
		if _, err := artifact.ParseDigest(said); err == nil { // of another algorithm it says nothing
			return artifact.Descriptor{}, nil, fmt.Errorf("%s:%s: %w", r.name, tag, artifact.ErrDigest)
		}
	}
	return d, b, nil
}

// Digest returns the digest that a tag names, without the manifest; "" if the registry does
// not tell. If there is no such tag the error wraps registry.ErrNotFound.
func (r *Repository) Digest(ctx context.Context, tag, media string) (artifact.Digest, error) {
	req, err := r.manifest(ctx, http.MethodHead, tag, media)
	if err != nil {
		return "", err
	}
	res, err := r.c.get(req, maxAnswer, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return "", fmt.Errorf("%s:%s: %w", r.name, tag, err)
	}
	if res.StatusCode == http.StatusNotFound { // an answer to HEAD has no code
		return "", fmt.Errorf("%s:%s: %w", r.name, tag, registry.ErrNotFound)
	}
	d, err := artifact.ParseDigest(res.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return "", nil
	}
	return d, nil
}

func (r *Repository) manifest(ctx context.Context, method, ref, media string) (*http.Request, error) {
	req, err := r.c.request(ctx, method, "/v2/"+r.name+"/manifests/"+ref, nil)
	if err == nil {
		req.Header.Set("Accept", media)
	}
	return req, err
}

func contentType(res *http.Response) string {
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return strings.TrimSpace(media)
}

// Target returns where artifacts are pushed into r. It tags whatever it is told to: that a
// version is not bound already is for the registry, or for the caller, to see.
func (r *Repository) Target() publish.Target {
	return &target{repo: r.repo, manifests: map[artifact.Digest][]byte{}}
}
