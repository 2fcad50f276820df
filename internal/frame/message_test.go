package frame

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
)

var (
	testPoint = contract.Define("acme.dev/greeter", 1, 2)
	greet     = contract.Unary[struct{ Name string }, struct{ Text string }](testPoint, "Greet")
)

func TestCallHeader(t *testing.T) {
	b := append(AppendCall(nil, time.Second, 9, greet.Path()), "message"...)
	h, message, err := ParseCall(b)
	want := CallHeader{Target: Receiver, Timeout: time.Second, Parent: 9, Path: []byte(greet.Path())}
	if err != nil || !reflect.DeepEqual(h, want) || string(message) != "message" {
		t.Errorf("got %+v %q, %v", h, message, err)
	}
	b = append(AppendPeerCall(nil, Peer, 0, 0, "acme/kv", greet.Method), "m"...)
	h, message, err = ParseCall(b)
	want = CallHeader{Target: Peer, Path: []byte(greet.Path()), Peer: []byte("acme/kv"), Minor: 2, Fingerprint: greet.Fingerprint()}
	if err != nil || !reflect.DeepEqual(h, want) || string(message) != "m" {
		t.Errorf("got %+v %q, %v", h, message, err)
	}
	for n := range len(b) - 1 {
		if _, _, err := ParseCall(b[:n]); !errors.Is(err, ErrProtocol) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func TestCallHeaderErrors(t *testing.T) {
	good := AppendCall(nil, 0, 0, "/a.v1/B")
	for name, change := range map[string]func([]byte){
		"target":        func(b []byte) { b[0] = 3 },
		"negative time": func(b []byte) { b[8] = 0x80 },
		"long path":     func(b []byte) { b[17], b[18] = 255, 255 },
	} {
		b := bytes.Clone(good)
		change(b)
		if _, _, err := ParseCall(b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := AppendCall(nil, 0, 0, strings.Repeat("x", contract.MaxPath+1))
	if _, _, err := ParseCall(long); !errors.Is(err, ErrProtocol) {
		t.Errorf("path over the limit: %v", err)
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []contract.Codec{contract.CBOR, contract.JSON} {
		in := &OpenMessage{Plugin: "acme/hello", DataDir: "/d", LogLevel: -4, Services: []Method{Describe(greet.Method)}}
		b, err := AppendOpen(nil, c, time.Minute, []byte("config"), in)
		if err != nil {
			t.Fatal(err)
		}
		left, config, out, err := ParseOpen(b, c)
		if err != nil || left != time.Minute || string(config) != "config" || !reflect.DeepEqual(in, out) {
			t.Errorf("%s: %v %q %+v, %v", c.Name(), left, config, out, err)
		}
		for n := range b {
			if _, _, _, err := ParseOpen(b[:n], c); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: cut after %d bytes: %v", c.Name(), n, err)
			}
		}
	}
}

func TestHello(t *testing.T) {
	in := &HelloMessage{Protocol: 1, Plugin: "acme/hello", Methods: []Method{Describe(greet.Method), {Path: "/a.v0/B", Kind: 3}}}
	for _, c := range []contract.Codec{contract.CBOR, contract.JSON} {
		b, err := c.Append(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		out, codec, err := ParseHello(b)
		if err != nil || codec != c || !reflect.DeepEqual(in, out) {
			t.Errorf("%s: %+v in %v, %v", c.Name(), out, codec, err)
		}
	}
}

func TestHelloErrors(t *testing.T) {
	many := &HelloMessage{Protocol: 1, Methods: make([]Method, MaxMethods+1)}
	for i := range many.Methods {
		many.Methods[i].Path = fmt.Sprintf("/a.v1/M%d", i)
	}
	crowd, err := contract.CBOR.Append(nil, many)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":         nil,
		"garbage":         []byte("hello"),
		"no JSON":         []byte("{"),
		"protocol 2":      []byte(`{"protocol":2,"plugin":"a/b"}`),
		"no protocol":     []byte(`{"plugin":"a/b"}`),
		"bad path":        []byte(`{"protocol":1,"methods":[{"path":"/a/B"}]}`),
		"bad fingerprint": []byte(`{"protocol":1,"methods":[{"path":"/a.v1/B","fingerprint":"12"}]}`),
		"negative minor":  []byte(`{"protocol":1,"methods":[{"path":"/a.v1/B","minor":-1}]}`),
		"method twice":    []byte(`{"protocol":1,"methods":[{"path":"/a.v1/B"},{"path":"/a.v1/B"}]}`),
		"two values":      []byte(`{"protocol":1} {}`),
		"deep":            []byte(`{"protocol":1,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}"),
		"many methods":    crowd,
		"large":           append([]byte(`{"protocol":1,"plugin":"`), bytes.Repeat([]byte("x"), MaxHello)...),
	} {
		if _, _, err := ParseHello(b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	in := contract.Errorf(contract.NotFound, "no %s", "entry").Because("NO_ENTRY").With("key", "x")
	for _, c := range []contract.Codec{contract.CBOR, contract.JSON} {
		out := ParseError(AppendError(nil, c, in), c)
		if out.Code != in.Code || out.Reason != in.Reason || out.Message != in.Message || !maps.Equal(out.Details, in.Details) {
			t.Errorf("%s: %#v", c.Name(), out)
		}
		bad := contract.Errorf(contract.Internal, "bad \xff %s", strings.Repeat("x", 1<<20)).With("\xff", "\xfe")
		if out = ParseError(AppendError(nil, c, bad), c); out.Code != contract.Internal || !strings.HasPrefix(out.Message, "bad \uFFFD xxx") || len(out.Message) > maxDetail+10 || out.Details["\uFFFD"] != "\uFFFD" {
			t.Errorf("%s: %.100q %q", c.Name(), out.Message, out.Details)
		}
		wide := contract.Errorf(contract.Aborted, "wide")
		for i := range 100 {
			wide = wide.With(fmt.Sprint(i), strings.Repeat("x", maxDetail))
		}
		if b := AppendError(nil, c, wide); len(b) > 1<<20 || ParseError(b, c).Code != contract.Aborted {
			t.Errorf("%s: an error of %d bytes", c.Name(), len(b))
		}
	}
	for _, b := range []string{``, `{`, `{"code":"x"}`} {
		if e := ParseError([]byte(b), contract.JSON); e.Code != contract.Internal || e.Reason != contract.ReasonProtocol {
			t.Errorf("%q: %v", b, e)
		}
	}
	for _, b := range []string{`{}`, `{"code":0}`, `{"code":17}`} {
		if e := ParseError([]byte(b), contract.JSON); e.Code != contract.Unknown {
			t.Errorf("%q: %v", b, e.Code)
		}
	}
}

func TestLeft(t *testing.T) {
	if Left(t.Context()) != 0 {
		t.Error("a context without deadline has time left")
	}
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	if Left(over) != 1 {
		t.Error("a deadline that is over must not look like none")
	}
}

func FuzzParseCall(f *testing.F) {
	f.Add(AppendCall(nil, 1, 2, "/a.v1/B"))
	f.Add(AppendPeerCall(nil, Peer, 1, 2, "a/b", greet.Method))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, message, err := ParseCall(b)
		if err != nil {
			return
		}
		again := AppendCall(nil, h.Timeout, h.Parent, string(h.Path))
		if h.Target == Receiver && !bytes.Equal(append(again, message...), b) {
			t.Errorf("%x was read as %+v %x", b, h, message)
		}
		if h.Timeout < 0 || len(h.Path) > contract.MaxPath || len(h.Peer) > MaxPeer {
			t.Errorf("%x was read as %+v", b, h)
		}
	})
}

func FuzzParseHello(f *testing.F) {
	f.Add([]byte(`{"protocol":1,"plugin":"a/b","methods":[{"path":"/a.v1/B","fingerprint":"0123456789abcdef"}]}`))
	b, err := contract.CBOR.Append(nil, &HelloMessage{Protocol: 1, Methods: []Method{Describe(greet.Method)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, _, err := ParseHello(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Error(err)
			}
			return
		}
		for _, m := range h.Methods {
			if !contract.ValidPath(m.Path) {
				t.Errorf("method %q", m.Path)
			}
		}
	})
}

func FuzzParseOpen(f *testing.F) {
	b, err := AppendOpen(nil, contract.CBOR, 1, []byte("c"), &OpenMessage{Plugin: "a/b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		left, config, m, err := ParseOpen(b, contract.CBOR)
		if err == nil && (left < 0 || len(config) > len(b) || m == nil) {
			t.Errorf("%x was read as %v %x %v", b, left, config, m)
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add(AppendError(nil, contract.CBOR, contract.Errorf(contract.NotFound, "x").With("a", "b")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []contract.Codec{contract.CBOR, contract.JSON} {
			if e := ParseError(b, c); e.Code == contract.OK || e.Code > contract.Unauthenticated {
				t.Errorf("%x: code %d", b, e.Code)
			}
		}
	})
}
