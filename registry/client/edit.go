package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

// Yank withdraws a release, or takes that back. It reports whether anything changed.
func (c *Client) Yank(ctx context.Context, y registry.Yank) (changed bool, err error) {
	return c.edit(ctx, &y, releasePath(y.ID, y.Version, "yank"), y.Undo, map[string]string{"reason": y.Reason})
}

// Quarantine blocks one release or all of a plugin, or frees them, and reports whether anything
// changed. The token must be that of an administrator.
func (c *Client) Quarantine(ctx context.Context, q registry.Quarantine) (changed bool, err error) {
	path := pluginPath(q.ID, "quarantine")
	if q.Version != nil {
		path = releasePath(q.ID, *q.Version, "quarantine")
	}
	return c.edit(ctx, &q, path, q.Undo, map[string]string{"reason": q.Reason})
}

// Remove removes a release for ever, as long as the registry allows it: after that the error
// wraps registry.ErrTooLate. Before is decided by the registry. It reports whether anything
// changed.
func (c *Client) Remove(ctx context.Context, r registry.Removal) (changed bool, err error) {
	return c.edit(ctx, &r, releasePath(r.ID, r.Version, "removal"), false, map[string]string{"reason": r.Reason})
}

// Deprecate says that nobody should begin to use a plugin, or takes that back. It reports
// whether anything changed.
func (c *Client) Deprecate(ctx context.Context, d registry.Deprecation) (changed bool, err error) {
	return c.edit(ctx, &d, pluginPath(d.ID, "deprecation"), d.Undo, d.Deprecation)
}

// SetChannel lets a name stand for a release, or removes the name. It reports whether anything
// changed.
func (c *Client) SetChannel(ctx context.Context, x registry.Channel) (changed bool, err error) {
	return c.edit(ctx, &x, pluginPath(x.ID, "channels/"+url.PathEscape(x.Name)), x.Undo, map[string]any{"version": x.Version})
}

func pluginPath(id manifest.ID, what string) string {
	return fmt.Sprintf("/api/v1/plugins/%s/%s", id, what)
}

func releasePath(id manifest.ID, v version.Version, what string) string {
	return pluginPath(id, "versions/"+url.PathEscape(v.String())+"/"+what)
}

// edit sends a change, or with DELETE that it is taken back.
func (c *Client) edit(ctx context.Context, e registry.Edit, path string, undo bool, body any) (changed bool, err error) {
	var x struct{ Changed bool }
	method := http.MethodPut
	if undo {
		method, body = http.MethodDelete, nil
	}
	if err := c.api(ctx, method, path, body, &x); err != nil {
		return false, fmt.Errorf("%s: %w", e, err)
	}
	return x.Changed, nil
}
