package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/plugstead/plugstead/registry"
)

// Clock returns what time it is at the registry, to the second, and the zero time if the
// registry does not tell. A registry that answers that it has no such page tells, too.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	r, err := c.request(ctx, http.MethodGet, registry.RouteRevision, nil)
	if err != nil {
		return time.Time{}, err
	}
	res, err := c.get(r, maxAnswer, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return time.Time{}, fmt.Errorf("clock of the registry: %w", err)
	}
	t, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil // it is for people to look at, nothing depends on it
	}
	return t, nil
}
