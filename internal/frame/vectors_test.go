package frame

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
)

// The vectors were written from the specification by another program.
const vectorFile = "../../docs/spec/testdata/process-frames.json"

type vector struct {
	Name  string          `json:"name"`
	Type  string          `json:"type"`
	ID    uint64          `json:"id"`
	Codec string          `json:"codec"`
	Value json.RawMessage `json:"value"`
	Hex   hexBytes        `json:"hex"`
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func readVectors(t *testing.T) (frames, refused []vector) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Frames, Refused []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Frames) < 18 || len(file.Refused) < 15 {
		t.Fatalf("%d frames and %d refused ones", len(file.Frames), len(file.Refused))
	}
	return file.Frames, file.Refused
}

// body is every field that a vector's value can have.
type body struct {
	Timeout     time.Duration
	Config      hexBytes
	Open        OpenMessage
	Target      Target
	Parent      uint64
	Path, Peer  string
	Minor       int
	Fingerprint string
	TraceParent string `json:"trace_parent"`
	TraceState  string `json:"trace_state"`
	Message     hexBytes
	Body        hexBytes
}

func TestVectors(t *testing.T) {
	frames, _ := readVectors(t)
	for _, v := range frames {
		b, err := Read(bytes.NewReader(v.Hex))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if b.Type().String() != v.Type || b.ID() != v.ID || !bytes.Equal(raw(b.Type(), b.ID(), b.Body()), v.Hex) {
			t.Errorf("%s: got %v %d", v.Name, b.Type(), b.ID())
		}
		c := contract.CBOR
		if v.Codec == "json" {
			c = contract.JSON
		}
		again, err := reread(b, c, v.Value)
		if err != nil || !bytes.Equal(again, b.Body()) {
			t.Errorf("%s: %v\nwrites %x\nwant   %x", v.Name, err, again, b.Body())
		}
	}
}

// reread compares what a body says with value, and writes it again.
func reread(b *Buf, c contract.Codec, value json.RawMessage) ([]byte, error) {
	switch b.Type() {
	case Hello:
		got, codec, err := ParseHello(b.Body())
		if err != nil || codec != c {
			return nil, fmt.Errorf("codec %v: %w", codec, err)
		}
		return encode(c, got, value)
	case Log:
		got := new(LogMessage)
		if err := c.Decode(b.Body(), got); err != nil {
			return nil, err
		}
		return encode(c, got, value)
	case Fail:
		return encode(c, ParseError(b.Body(), c), value)
	}
	var want body
	if err := json.Unmarshal(value, &want); err != nil {
		return nil, err
	}
	switch b.Type() {
	case Open:
		left, config, m, err := ParseOpen(b.Body(), c)
		if err != nil || left != want.Timeout || !bytes.Equal(config, want.Config) || !reflect.DeepEqual(*m, want.Open) {
			return nil, fmt.Errorf("got %v %x %+v: %w", left, config, m, err)
		}
		return AppendOpen(nil, c, left, config, m)
	case Call, StreamOpen:
		return rereadCall(b.Body(), want)
	case Answer, Cancel, Message, End, Credit:
		return want.Body, nil
	}
	left, rest, err := ParseTimeout(b.Body())
	if err != nil || left != want.Timeout || !bytes.Equal(rest, want.Config) {
		return nil, fmt.Errorf("got %v %x: %w", left, rest, err)
	}
	return append(AppendTimeout(nil, left), rest...), nil
}

// encode compares got with value, as JSON, and writes it in c.
func encode(c contract.Codec, got any, value json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(got)
	if err != nil {
		return nil, err
	}
	var x, y any
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(value, &y); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(x, y) {
		return nil, fmt.Errorf("got %s, want %s", b, value)
	}
	return c.Append(nil, got)
}

func rereadCall(b []byte, want body) ([]byte, error) {
	h, message, err := ParseCall(b)
	if err != nil {
		return nil, err
	}
	if h.Target != want.Target || h.Timeout != want.Timeout || h.Parent != want.Parent || string(h.Path) != want.Path ||
		string(h.Peer) != want.Peer || h.Minor != want.Minor || h.Trace != (contract.Trace{Parent: want.TraceParent, State: want.TraceState}) || !bytes.Equal(message, want.Message) {
		return nil, fmt.Errorf("got %+v %x", h, message)
	}
	ctx := h.Context(context.Background())
	if h.Target == Receiver {
		return append(AppendTrace(AppendCall(nil, h.Timeout, h.Parent, want.Path), 0, ctx), message...), nil
	}
	fingerprint, err := strconv.ParseUint(want.Fingerprint, 16, 64)
	if err != nil || fingerprint != h.Fingerprint {
		return nil, fmt.Errorf("fingerprint %x, %v", h.Fingerprint, err)
	}
	m, err := contract.Relay(want.Path, contract.KindUnary, want.Minor, fingerprint)
	if err != nil {
		return nil, err
	}
	return append(AppendTrace(AppendPeerCall(nil, h.Target, h.Timeout, h.Parent, want.Peer, m), 0, ctx), message...), nil
}

func TestRefusedVectors(t *testing.T) {
	_, refused := readVectors(t)
	for _, v := range refused {
		b, err := Read(bytes.NewReader(v.Hex))
		if err == nil {
			switch b.Type() {
			case Hello:
				_, _, err = ParseHello(b.Body())
			case Call:
				_, _, err = ParseCall(b.Body())
			case Open:
				_, _, _, err = ParseOpen(b.Body(), contract.CBOR)
			case StreamOpen:
				_, _, err = ParseStream(b.Body())
			case Ping:
				_, _, err = ParseTimeout(b.Body())
			}
		}
		if err == nil {
			t.Errorf("%s: accepted", v.Name)
		}
	}
}

// TestWasmVectors: requests and answers of WebAssembly plugins are one byte and the body
// of a frame.
func TestWasmVectors(t *testing.T) {
	b, err := os.ReadFile("../../docs/spec/testdata/wasm-messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Messages []struct {
			Name, Kind string
			Value      struct {
				Type string
				OK   bool
				Body hexBytes
			}
			Hex hexBytes
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Messages) < 10 {
		t.Fatalf("%d messages", len(file.Messages))
	}
	for _, m := range file.Messages {
		if !bytes.Equal(m.Hex[1:], m.Value.Body) {
			t.Errorf("%s: body %x, want %x", m.Name, m.Hex[1:], m.Value.Body)
		}
		if m.Kind == "request" && Type(m.Hex[0]).String() != m.Value.Type || m.Kind == "answer" && (m.Hex[0] == 0) != m.Value.OK {
			t.Errorf("%s: first byte %d", m.Name, m.Hex[0])
		}
		switch {
		case m.Name == "call":
			_, _, err = ParseCall(m.Hex[1:])
		case m.Name == "open":
			_, _, _, err = ParseOpen(m.Hex[1:], contract.CBOR)
		case m.Name == "answer to hello":
			_, _, err = ParseHello(m.Hex[1:])
		case m.Kind == "request" && m.Name != "hello":
			_, _, err = ParseTimeout(m.Hex[1:])
		case m.Name == "error":
			if e := ParseError(m.Hex[1:], contract.CBOR); e.Code != contract.NotFound || e.Details["key"] != "x" {
				err = e
			}
		}
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
