package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is how long a client waits at most when a registry asks it to.
const MaxRetryAfter = 60 * time.Second

// LaterError says that a registry asks to come back after a time that is longer than
// [MaxRetryAfter]. It wraps the error of the answer, which is [ErrUnreachable].
type LaterError struct {
	At  time.Time // when to come back
	Err error
}

// Error implements error.
func (e *LaterError) Error() string {
	return fmt.Sprintf("%v: it asks to come back at %s", e.Err, e.At.UTC().Format(time.RFC3339))
}

// Unwrap returns the error of the answer.
func (e *LaterError) Unwrap() error { return e.Err }

// passing is an error whose reason may pass.
type passing struct {
	error
	after time.Duration // what Retry-After says; 0 without
}

func (p *passing) Unwrap() error { return p.error }

// again calls once until it does not fail for a reason that may pass, or has been called
// often enough. A request that changes something is sent once: nobody knows what became
// of it.
func (c *Client) again(r *http.Request, once func() error) error {
	for n := 1; ; n++ {
		err := once()
		p, ok := errors.AsType[*passing](err)
		switch {
		case !ok:
			return tried(n, err)
		case p.after > MaxRetryAfter:
			return &LaterError{time.Now().Add(p.after), tried(n, err)}
		case !reads(r.Method) || n > c.retry.Limit():
			return tried(n, err)
		}
		if over := c.retry.Wait(r.Context(), max(p.after, c.retry.Delay(n))); over != nil {
			return over
		}
	}
}

// tried adds to an unreachable registry how often it was asked.
func tried(n int, err error) error {
	if n == 1 || !errors.Is(err, ErrUnreachable) {
		return err
	}
	return fmt.Errorf("%w (tried %d times)", err, n)
}

// broken classes an error of a connection, or of a body that is read.
func broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, ErrProtocol) || errors.Is(err, ErrUnauthorized) {
		return err
	}
	unreachable := fmt.Errorf("%w: %w", ErrUnreachable, err)
	if stays(err) {
		return unreachable
	}
	return &passing{error: unreachable}
}

// stays reports whether another try must fail in the same way.
func stays(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	name, ok := errors.AsType[*net.DNSError](err)
	return ok && name.IsNotFound
}

// mayPass reports whether an answer of this status may be another one soon.
func mayPass(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads a Retry-After header of RFC 9110 section 10.2.3: seconds or a date.
// What is neither, and a time that is over, count as none.
func retryAfter(h string, now time.Time) time.Duration {
	const longest = 100 * 365 * 24 * time.Hour
	if len(h) > 64 {
		return 0
	}
	if h = strings.TrimSpace(h); h == "" {
		return 0
	}
	if strings.Trim(h, "0123456789") == "" {
		n, err := strconv.ParseInt(h, 10, 64)
		if err != nil || n > int64(longest/time.Second) {
			return longest
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(h)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longest)
}
