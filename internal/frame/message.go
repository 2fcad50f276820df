package frame

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/contract"
)

// Version is the number of the protocol.
const Version = 1

// Limits of what the other side sends.
const (
	MaxHello   = 1 << 20   // bytes of a hello
	MaxMethods = 2000      // in a hello
	MaxLog     = 256 << 10 // bytes of a log frame
	MaxPeer    = 129       // bytes of a plugin id
	maxDetail  = 64 << 10  // bytes of an error's message and of each detail
)

// HelloMessage is the first thing that a plugin says. Nothing in it depends on a
// configuration.
type HelloMessage struct {
	Protocol int      `json:"protocol"`
	Plugin   string   `json:"plugin"`
	Methods  []Method `json:"methods"`
	Config   string   `json:"config,omitempty"` // JSON schema of the configuration, if [DescribeEnv] asks for it
}

// DescribeEnv is the environment variable that makes a plugin say what configuration it takes:
// set to 1 by whoever packs it.
const DescribeEnv = "PLUGSTEAD_DESCRIBE"

// OpenMessage starts a plugin. Its configuration travels beside it.
type OpenMessage struct {
	Plugin   string   `json:"plugin"`
	DataDir  string   `json:"data_dir,omitempty"`  // absolute path of the private folder
	LogLevel int      `json:"log_level,omitempty"` // lowest level that the host wants, in slog's numbers
	Services []Method `json:"services,omitempty"`  // what the host offers
}

// Method describes an implemented method.
type Method struct {
	Path        string `json:"path"`
	Minor       int    `json:"minor,omitempty"`       // of the point that the implementer knows
	Fingerprint string `json:"fingerprint,omitempty"` // 16 hex digits; empty: not stated
	Kind        int    `json:"kind,omitempty"`        // a contract.Kind
}

// Describe returns the description of m.
func Describe(m *contract.Method) Method {
	return Method{m.Path(), m.Point().Minor(), fmt.Sprintf("%016x", m.Fingerprint()), int(m.Kind())}
}

// LogMessage is one record of a plugin's log.
type LogMessage struct {
	Time    int64  `json:"time,omitempty"`  // nanoseconds since 1970 UTC; zero: now
	Level   int    `json:"level,omitempty"` // in slog's numbers: -4 debug, 0 info, 4 warn, 8 error
	Message string `json:"msg"`
	Attrs   []Attr `json:"attrs,omitempty"`
}

// Attr is an attribute of a log record.
type Attr struct {
	Key   string `json:"k"`
	Kind  string `json:"t,omitempty"` // "", "duration" or "time" in nanoseconds, "group"
	Value any    `json:"v,omitempty"` // text, number or truth value
	Group []Attr `json:"g,omitempty"`
}

// Target says who a call is for.
type Target byte

// The targets of calls.
const (
	Receiver  Target = 0 // the receiver of the frame
	Peer      Target = 1 // another plugin, through the host
	PeerOffer Target = 2 // asks whether another plugin has the method; no message
)

// CallHeader stands before the message in the body of a call. Path and Peer of a
// parsed header alias the body.
type CallHeader struct {
	Target      Target
	Timeout     time.Duration // time left; zero: no deadline
	Parent      uint64        // call of the receiver within which this one is made, or zero
	Path        []byte
	Peer        []byte // id of a plugin, unless Target is Receiver
	Minor       int    // of the caller's point, unless Target is Receiver
	Fingerprint uint64 // of the caller's method, unless Target is Receiver
	Trace       contract.Trace
}

// traced is set in the byte of the target if a trace ends the header.
const traced = 0x80

// AppendTrace ends the header that begins at in b with the trace of ctx, if it has one.
func AppendTrace(b []byte, at int, ctx context.Context) []byte {
	t := contract.TraceOf(ctx)
	if t.Parent == "" || len(t.Parent) > contract.MaxTraceParent {
		return b
	}
	if len(t.State) > contract.MaxTraceState {
		t.State = ""
	}
	b[at] |= traced
	b = append(b, byte(len(t.Parent)))
	b = append(b, t.Parent...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(t.State)))
	return append(b, t.State...)
}

// Context returns ctx as part of the trace of h, if it has one.
func (h CallHeader) Context(ctx context.Context) context.Context {
	if h.Trace.Parent == "" {
		return ctx
	}
	return contract.WithTrace(ctx, h.Trace)
}

// AppendCall appends a call header: the same fields as arguments, so that the common
// call allocates nothing.
func AppendCall(b []byte, left time.Duration, parent uint64, path string) []byte {
	b = append(b, byte(Receiver))
	b = binary.LittleEndian.AppendUint64(b, uint64(left))
	b = binary.LittleEndian.AppendUint64(b, parent)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(path)))
	return append(b, path...)
}

// AppendPeerCall appends the header of a call for another plugin.
func AppendPeerCall(b []byte, t Target, left time.Duration, parent uint64, peer string, m *contract.Method) []byte {
	at := len(b)
	b = AppendCall(b, left, parent, m.Path())
	b[at] = byte(t)
	b = append(b, byte(len(peer)))
	b = append(b, peer...)
	b = binary.LittleEndian.AppendUint16(b, uint16(m.Point().Minor()))
	return binary.LittleEndian.AppendUint64(b, m.Fingerprint())
}

// ParseCall splits the body of a call. Errors wrap [ErrProtocol].
func ParseCall(body []byte) (h CallHeader, message []byte, err error) {
	p := parser{b: body}
	first := p.byte()
	h.Target = Target(first &^ traced)
	h.Timeout = p.timeout()
	h.Parent = p.uint64()
	h.Path = p.bytes(int(p.uint16()), contract.MaxPath)
	if h.Target != Receiver {
		h.Peer = p.bytes(int(p.byte()), MaxPeer)
		h.Minor = int(p.uint16())
		h.Fingerprint = p.uint64()
	}
	if first&traced != 0 {
		h.Trace.Parent = string(p.bytes(int(p.byte()), contract.MaxTraceParent))
		h.Trace.State = string(p.bytes(int(p.uint16()), contract.MaxTraceState))
	}
	if p.bad || h.Target > PeerOffer {
		return CallHeader{}, nil, fmt.Errorf("%w: bad call header", ErrProtocol)
	}
	return h, p.b, nil
}

// ParseStream splits the body of a stream request. Errors wrap [ErrProtocol].
func ParseStream(body []byte) (h CallHeader, k contract.Kind, err error) {
	h, rest, err := ParseCall(body)
	if err != nil {
		return h, 0, err
	}
	if len(rest) != 1 || h.Target == PeerOffer || contract.Kind(rest[0]) == contract.KindUnary || contract.Kind(rest[0]) > contract.KindBidi {
		return CallHeader{}, 0, fmt.Errorf("%w: bad stream request", ErrProtocol)
	}
	return h, contract.Kind(rest[0]), nil
}

// parser cuts a body into fields. After the first that does not fit, bad is set and
// every field is zero.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) bytes(n, limit int) []byte {
	if p.bad || n > len(p.b) || n > limit {
		p.bad = true
		return nil
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) byte() byte {
	if b := p.bytes(1, 1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint16() uint16 {
	if b := p.bytes(2, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if b := p.bytes(8, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (p *parser) timeout() time.Duration {
	d := time.Duration(p.uint64())
	if d < 0 {
		p.bad = true
	}
	return d
}

// AppendTimeout appends the first field of every request except a call.
func AppendTimeout(b []byte, left time.Duration) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(left))
}

// ParseTimeout splits the body of a request that is no call. Errors wrap [ErrProtocol].
func ParseTimeout(body []byte) (left time.Duration, rest []byte, err error) {
	p := parser{b: body}
	left = p.timeout()
	if p.bad {
		return 0, nil, fmt.Errorf("%w: bad time limit", ErrProtocol)
	}
	return left, p.b, nil
}

// AppendOpen appends the body of an open request.
func AppendOpen(b []byte, c contract.Codec, left time.Duration, config []byte, m *OpenMessage) ([]byte, error) {
	b = AppendTimeout(b, left)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(config)))
	return c.Append(append(b, config...), m)
}

// ParseOpen splits the body of an open request. Errors wrap [ErrProtocol].
func ParseOpen(body []byte, c contract.Codec) (left time.Duration, config []byte, m *OpenMessage, err error) {
	p := parser{b: body}
	left = p.timeout()
	size := p.bytes(4, 4)
	if size != nil {
		config = p.bytes(int(binary.LittleEndian.Uint32(size)), MaxSize)
	}
	if p.bad {
		return 0, nil, nil, fmt.Errorf("%w: bad open request", ErrProtocol)
	}
	m = new(OpenMessage)
	if err := c.Decode(p.b, m); err != nil {
		return 0, nil, nil, fmt.Errorf("%w: open request: %w", ErrProtocol, err)
	}
	return left, config, m, nil
}

// ParseHello reads a hello and tells from its first byte which codec the plugin speaks.
// It checks forms and limits. Errors wrap [ErrProtocol].
func ParseHello(body []byte) (*HelloMessage, contract.Codec, error) {
	c := contract.CBOR
	if len(body) > 0 && body[0] == '{' {
		c = contract.JSON
	}
	if len(body) > MaxHello {
		return nil, nil, fmt.Errorf("%w: hello of %d bytes, more than the limit of %d", ErrProtocol, len(body), MaxHello)
	}
	h := new(HelloMessage)
	if err := c.Decode(body, h); err != nil {
		return nil, nil, fmt.Errorf("%w: hello: %w", ErrProtocol, err)
	}
	if h.Protocol != Version {
		return nil, nil, fmt.Errorf("%w: the plugin speaks version %d of the protocol, want %d", ErrProtocol, h.Protocol, Version)
	}
	if len(h.Methods) > MaxMethods {
		return nil, nil, fmt.Errorf("%w: hello: %d methods, more than the limit of %d", ErrProtocol, len(h.Methods), MaxMethods)
	}
	seen := map[string]bool{}
	for _, m := range h.Methods {
		if err := m.check(); err != nil {
			return nil, nil, fmt.Errorf("%w: hello: %w", ErrProtocol, err)
		}
		if seen[m.Path] {
			return nil, nil, fmt.Errorf("%w: hello: method %s twice", ErrProtocol, m.Path)
		}
		seen[m.Path] = true
	}
	return h, c, nil
}

func (m Method) check() error {
	if !contract.ValidPath(m.Path) {
		return fmt.Errorf("method %.300q: want /POINT.vMAJOR/NAME", m.Path)
	}
	if m.Minor < 0 || m.Minor > 9999 {
		return fmt.Errorf("method %s: minor version %d", m.Path, m.Minor)
	}
	if _, err := m.Hash(); err != nil {
		return fmt.Errorf("method %s: fingerprint %.40q: want 16 hex digits", m.Path, m.Fingerprint)
	}
	return nil
}

// Hash returns the fingerprint as a number, zero if none is stated.
func (m Method) Hash() (uint64, error) {
	if m.Fingerprint == "" {
		return 0, nil
	}
	if len(m.Fingerprint) != 16 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(m.Fingerprint, 16, 64)
}

// AppendError appends err as the body of a fail frame.
func AppendError(b []byte, c contract.Codec, err error) []byte {
	e := *contract.AsError(err)
	e.Message = text(e.Message)
	if e.Reason = text(e.Reason); e.Details != nil {
		d := make(map[string]string, len(e.Details))
		for k, v := range e.Details {
			d[text(k)] = text(v)
		}
		e.Details = d
	}
	at := len(b)
	if b, err = c.Append(b, &e); err != nil || len(b)-at > 1<<20 {
		b, _ = c.Append(b[:at], &contract.Error{
			Code: e.Code, Reason: e.Reason, Message: e.Message, Retryable: e.Retryable, RetryAfter: e.RetryAfter,
		}) // texts and a number
	}
	return b
}

// text makes s fit for a message.
func text(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxDetail)], "\uFFFD")
}

// ParseError reads the body of a fail frame.
func ParseError(body []byte, c contract.Codec) *contract.Error {
	e := new(contract.Error)
	if err := c.Decode(body, e); err != nil {
		return contract.Errorf(contract.Internal, "the error of the other side cannot be read: %w", err).Because(contract.ReasonProtocol)
	}
	if e.Code == contract.OK || e.Code > contract.Unauthenticated {
		e.Code = contract.Unknown
	}
	e.RetryAfter = max(e.RetryAfter, 0)
	return e
}

// Left returns the time that ctx leaves, zero for no deadline.
func Left(ctx context.Context) time.Duration {
	t, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(t), 1)
}
