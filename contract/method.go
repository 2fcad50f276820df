package contract

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sizes of one encoded message in bytes.
const (
	DefaultMaxBytes = 16 << 20 // of a method that states none
	LimitMaxBytes   = 64 << 20 // that a method may state
)

// MethodOptions are the optional properties of a method.
type MethodOptions struct {
	Since      int           // minor version that introduced it; default 0
	Optional   bool          // plugins may leave it out; default: they must implement it
	Idempotent bool          // may be repeated when it is unknown whether a call arrived; default: may not
	Timeout    time.Duration // of a call whose context has no deadline; default none
	MaxBytes   int           // of one encoded message; default [DefaultMaxBytes]
}

// Kind says how many messages go each way.
type Kind uint8

// The kinds of methods. The numbers stand in docs/spec/process-protocol.md.
const (
	KindUnary  Kind = iota // one request, one answer
	KindServer             // one request, many answers
	KindClient             // many requests, one answer
	KindBidi               // many of both
)

// String returns the word for k.
func (k Kind) String() string {
	switch k {
	case KindUnary:
		return "unary"
	case KindServer:
		return "server stream"
	case KindClient:
		return "client stream"
	case KindBidi:
		return "two-way stream"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Method is the untyped description of one method. It is safe for concurrent use.
type Method struct {
	MethodOptions

	point       *Point
	name        string
	path        string
	kind        Kind
	index       int
	req, resp   reflect.Type
	fingerprint func() uint64
}

// Point returns the extension point that the method belongs to.
func (m *Method) Point() *Point { return m.point }

// Name returns the name within the point.
func (m *Method) Name() string { return m.name }

// Index returns the position among the methods of the point.
func (m *Method) Index() int { return m.index }

// Path returns the name on the wire: "/point.vMAJOR/Name".
func (m *Method) Path() string { return m.path }

// Kind returns how many messages go each way.
func (m *Method) Kind() Kind { return m.kind }

// Codec returns the codec of the messages.
func (m *Method) Codec() Codec { return m.point.codec }

// Types returns the types of request and answer.
func (m *Method) Types() (req, resp reflect.Type) { return m.req, m.resp }

// Limit returns the size that one encoded message may have, in bytes.
func (m *Method) Limit() int {
	if m.MaxBytes == 0 {
		return DefaultMaxBytes
	}
	return m.MaxBytes
}

// CheckSize returns a [ResourceExhausted] error if a message of n bytes is too large.
func (m *Method) CheckSize(n int) error {
	if n <= m.Limit() {
		return nil
	}
	return Errorf(ResourceExhausted, "%s: message of %d bytes, more than the limit of %d", m.path, n, m.Limit()).Because(ReasonTooLarge)
}

// Fingerprint is a hash of the path, the kind and the [Shape] of both types. It is
// never zero, except that of a [Relay]. Sides with the same minor version of a point
// must agree on it.
func (m *Method) Fingerprint() uint64 { return m.fingerprint() }

// timeout applies the default deadline of the method.
func (m *Method) timeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.Timeout)
}

func define[Req, Resp any](p *Point, name string, k Kind, options []MethodOptions) *Method {
	m := &Method{point: p, name: name, kind: k, req: reflect.TypeFor[Req](), resp: reflect.TypeFor[Resp]()}
	for _, o := range options {
		m.MethodOptions = o
	}
	m.path = "/" + p.id + ".v" + strconv.Itoa(p.major) + "/" + name
	m.check()
	m.fingerprint = sync.OnceValue(m.hash)
	m.index = len(p.methods)
	p.methods = append(p.methods, m)
	return m
}

// check panics on mistakes of the programmer.
func (m *Method) check() {
	if !validName(m.name) {
		panic("contract: method " + m.path + ": a name starts with a letter, then letters, digits and _, at most 64")
	}
	if m.MaxBytes < 0 || m.MaxBytes > LimitMaxBytes {
		panic(fmt.Sprintf("contract: method %s: MaxBytes %d: want at most %d", m.path, m.MaxBytes, LimitMaxBytes))
	}
	if m.Since < 0 || m.Since > m.point.minor {
		panic(fmt.Sprintf("contract: method %s: Since %d, but the point is %s", m.path, m.Since, m.point))
	}
	for _, q := range m.point.methods {
		if q.name == m.name {
			panic("contract: method " + m.path + " defined twice")
		}
	}
	for _, t := range []reflect.Type{m.req, m.resp} {
		if err := checkType(t); err != nil {
			panic(fmt.Sprintf("contract: method %s: %v", m.path, err))
		}
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// MaxPath is the length of a method's path in bytes.
const MaxPath = 300

// ValidPath reports whether s has the form of [Method.Path].
func ValidPath(s string) bool {
	rest, ok := strings.CutPrefix(s, "/")
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 0 || len(s) > MaxPath || !validName(rest[i+1:]) {
		return false
	}
	v := strings.LastIndex(rest[:i], ".v")
	if v < 0 {
		return false
	}
	n, err := strconv.Atoi(rest[v+2 : i])
	return err == nil && 0 <= n && n <= maxVersion && strconv.Itoa(n) == rest[v+2:i] && ValidPointID(rest[:v])
}
