package remote

import (
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Table is what a plugin said in its hello. It is immutable.
type Table struct {
	id      manifest.ID
	codec   contract.Codec // the plugin's word for messages of points whose codec is CBOR
	streams bool           // the runtime carries them
	methods map[string]method
	hello   *frame.HelloMessage
	// points are those that the manifest names, with their minor versions, where nobody
	// said a hello: "/POINT.vMAJOR/".
	points map[string]int
}

type method struct {
	minor       int
	fingerprint uint64
	kind        contract.Kind
}

// NewTable reads the hello of the plugin that m describes. A hello of another plugin,
// or one without a point that m promises, is an error, as is all that
// frame.ParseHello refuses. streams says whether the runtime carries streams.
func NewTable(m *manifest.Manifest, hello []byte, streams bool) (*Table, error) {
	h, codec, err := frame.ParseHello(hello)
	if err != nil {
		return nil, err
	}
	if h.Plugin != string(m.ID) {
		return nil, fmt.Errorf("%w: the program says it is plugin %.200q", frame.ErrProtocol, h.Plugin)
	}
	t := &Table{id: m.ID, codec: codec, streams: streams, hello: h, methods: make(map[string]method, len(h.Methods))}
	for _, x := range h.Methods {
		hash, err := x.Hash()
		if err != nil {
			return nil, fmt.Errorf("%w: method %s: fingerprint: %w", frame.ErrProtocol, x.Path, err)
		}
		t.methods[x.Path] = method{x.Minor, hash, contract.Kind(x.Kind)}
	}
	return t, t.keeps(m)
}

// Declared is the table of a plugin that cannot be asked: it has all unary methods of the
// points that m names, and speaks JSON.
func Declared(m *manifest.Manifest) *Table {
	t := &Table{id: m.ID, codec: contract.JSON, points: make(map[string]int, len(m.Provides))}
	for _, p := range m.Provides {
		t.points[fmt.Sprintf("/%s.v%d/", p.ID, p.Major)] = p.Minor
	}
	return t
}

// find returns what the plugin says of m.
func (t *Table) find(m *contract.Method) (x method, ok bool) {
	if t.points == nil {
		x, ok = t.methods[m.Path()]
		return x, ok
	}
	x.minor, ok = t.points[m.Path()[:strings.LastIndexByte(m.Path(), '/')+1]]
	x.kind = m.Kind()
	return x, ok && m.Since <= x.minor
}

// keeps reports a point that the manifest promises and the program does not have.
func (t *Table) keeps(m *manifest.Manifest) error {
	for _, p := range m.Provides {
		prefix := fmt.Sprintf("/%s.v%d/", p.ID, p.Major)
		found := false
		for path := range t.methods {
			found = found || strings.HasPrefix(path, prefix)
		}
		if !found {
			return contract.Errorf(contract.FailedPrecondition, "the manifest says that it provides %s, but the program has no method of it", p)
		}
	}
	return nil
}

// Codec returns the codec of control messages.
func (t *Table) Codec() contract.Codec { return t.codec }

// CodecOf returns the codec of m's messages.
func (t *Table) CodecOf(m *contract.Method) contract.Codec {
	if c := m.Codec(); c != contract.CBOR {
		return c
	}
	return t.codec
}

// Offers reports whether m can be called.
func (t *Table) Offers(m *contract.Method) bool {
	x, ok := t.find(m)
	return ok && x.kind == m.Kind() && (t.streams || x.kind == contract.KindUnary)
}

// Check returns why m cannot be called: Unimplemented or FailedPrecondition.
func (t *Table) Check(m *contract.Method) error {
	x, ok := t.find(m)
	if !ok {
		return contract.Errorf(contract.Unimplemented, "plugin %s does not implement %s", t.id, m.Path())
	}
	if x.kind != m.Kind() {
		return contract.Errorf(contract.FailedPrecondition, "plugin %s: %s is a %s there, not a %s",
			t.id, m.Path(), x.kind, m.Kind()).Because(contract.ReasonMismatch)
	}
	if x.kind != contract.KindUnary && !t.streams {
		return contract.Errorf(contract.Unimplemented, "plugin %s: %s is a stream, and its runtime carries none", t.id, m.Path())
	}
	return contract.CheckAgreement(m, x.minor, x.fingerprint)
}

// Append appends the message req of m.
func (t *Table) Append(b []byte, m *contract.Method, req any) ([]byte, error) {
	if raw, ok := req.(*contract.Raw); ok && raw.Codec != t.codec.Name() && (raw.Codec == "cbor" || raw.Codec == "json") {
		return nil, contract.Errorf(contract.FailedPrecondition, "%s: the message is in %s, but plugin %s speaks %s",
			m.Path(), raw.Codec, t.id, t.codec.Name()).Because(contract.ReasonMismatch)
	}
	at := len(b)
	b, err := t.CodecOf(m).Append(b, req)
	if err != nil {
		return nil, contract.Errorf(contract.InvalidArgument, "%s: request: %w", m.Path(), err)
	}
	return b, m.CheckSize(len(b) - at)
}

// Decode reads the answer b of m into resp. A [contract.Raw] is in the codec of req, if
// that is one too.
func (t *Table) Decode(b []byte, m *contract.Method, req, resp any) error {
	if err := m.CheckSize(len(b)); err != nil {
		return err
	}
	if err := t.CodecOf(m).Decode(b, resp); err != nil {
		return contract.Errorf(contract.Internal, "plugin %s: %s: answer: %w", t.id, m.Path(), err).Because(contract.ReasonProtocol)
	}
	if in, ok := req.(*contract.Raw); ok {
		resp.(*contract.Raw).Codec = in.Codec
	}
	return nil
}

// Messages returns the messages of the stream m.
func (t *Table) Messages(m *contract.Method) frame.Messages {
	return frame.Messages{
		Append: func(b []byte, msg any) ([]byte, error) { return t.Append(b, m, msg) },
		Decode: func(b []byte, msg any) error { return t.Decode(b, m, nil, msg) },
		Limit:  m.Limit(),
	}
}

// Open returns the message that opens the plugin.
func (t *Table) Open(s load.Spec, dataDir string) *frame.OpenMessage {
	m := &frame.OpenMessage{Plugin: string(t.id), DataDir: dataDir, LogLevel: logLevel(s.Logger())}
	for _, h := range s.Host {
		m.Services = append(m.Services, frame.Describe(h.Method))
	}
	return m
}
