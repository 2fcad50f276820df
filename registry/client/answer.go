package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/plugstead/plugstead/registry"
)

// do sends r and returns an answer of one of the wanted statuses. Others become
// errors. The caller closes the body.
func (c *Client) do(r *http.Request, want ...int) (res *http.Response, err error) {
	err = c.again(r, func() (err error) {
		res, err = c.once(r, want)
		return err
	})
	return res, err
}

// get is do with all of the body, at most limit bytes of it: when that breaks off, the
// request is sent again, too. The body that is left needs no closing.
func (c *Client) get(r *http.Request, limit int64, want ...int) (res *http.Response, err error) {
	err = c.again(r, func() (err error) {
		if res, err = c.once(r, want); err != nil {
			return err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(io.LimitReader(res.Body, limit))
		res.Body = io.NopCloser(bytes.NewReader(b))
		return err
	})
	return res, err
}

// once is do without a second try.
func (c *Client) once(r *http.Request, want []int) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	res, err := c.send(r.Clone(ctx))
	if err != nil {
		cancel()
		return nil, broken(r.Context(), err)
	}
	res.Body = watch(r.Context(), res.Body, cancel, c.stall)
	if slices.Contains(want, res.StatusCode) {
		return res, nil
	}
	defer res.Body.Close()
	if err = refusal(r, res); c.plain && errors.Is(err, ErrUnauthorized) {
		said, _ := errors.AsType[*registry.Error](err)
		err = &loginError{c.base.Host, said}
	}
	if mayPass(res.StatusCode) {
		err = &passing{err, retryAfter(res.Header.Get("Retry-After"), time.Now())}
	}
	return nil, err
}

// refusal turns an answer that was not hoped for into an error.
func refusal(r *http.Request, res *http.Response) error {
	e := parseError(res)
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrUnauthorized, e)
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		if e.Code == "" {
			return fmt.Errorf("%w: %s", ErrUnreachable, printable(res.Status))
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, e)
	case e.Code != "":
		return e
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", r.URL.Path, registry.ErrNotFound)
	}
	return fmt.Errorf("%w: %s %s: %s", ErrProtocol, r.Method, r.URL.Path, printable(res.Status))
}

// parseError reads the OCI form or problem+json.
func parseError(res *http.Response) *registry.Error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	var x struct {
		Code   registry.Code
		Detail string
		Errors []struct {
			Code    registry.Code
			Message string
		}
	}
	if json.Unmarshal(b, &x) != nil {
		return &registry.Error{Detail: printable(res.Status)}
	}
	if len(x.Errors) > 0 {
		x.Code, x.Detail = x.Errors[0].Code, x.Errors[0].Message
	}
	if !codePattern.MatchString(string(x.Code)) {
		x.Code = ""
	}
	return &registry.Error{Code: x.Code, Detail: cmp.Or(printable(x.Detail), printable(res.Status))}
}

// codePattern is what a code looks like, also one of a registry that knows more.
var codePattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,39}$`)

// printable keeps what a stranger wrote from steering a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), 500)], "")
}
