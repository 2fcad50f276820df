package contract

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type (
	ping struct{ N int }
	pong struct{ N int }
)

// panics returns what f panics with, or "".
func panics(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func TestDefine(t *testing.T) {
	p := Define("acme.dev/greeter", 1, 2)
	m := Unary[ping, pong](p, "Ping", MethodOptions{Since: 1, Optional: true, Timeout: time.Second})
	s := ServerStream[ping, pong](p, "Watch")
	if p.ID() != "acme.dev/greeter" || p.Major() != 1 || p.Minor() != 2 || p.String() != "acme.dev/greeter@1.2" || p.Codec() != CBOR {
		t.Error(p)
	}
	if m.Path() != "/acme.dev/greeter.v1/Ping" || m.Name() != "Ping" || m.Point() != p || m.Kind() != KindUnary || !m.Optional || m.Limit() != DefaultMaxBytes {
		t.Errorf("%+v", m.Method)
	}
	got := p.Methods()
	if len(got) != 2 || got[0] != m.Method || got[1] != s.Method {
		t.Error(got)
	}
	got[0] = nil
	if p.Methods()[0] == nil {
		t.Error("the methods of a point can be changed from outside")
	}
	if j := Define("a", 0, 0, PointOptions{Codec: JSON}); j.Codec() != JSON {
		t.Error("the codec of a point is lost")
	}
}

func TestDefinePanics(t *testing.T) {
	p := Define("acme.dev/greeter", 1, 2)
	Unary[ping, pong](p, "Taken")
	for want, f := range map[string]func(){
		"want a name":      func() { Define("Acme", 1, 0) },
		"from 0 to 9999":   func() { Define("acme", 10000, 0) },
		"version 1.-1":     func() { Define("acme", 1, -1) },
		"starts with":      func() { Unary[ping, pong](p, "9") },
		"twice":            func() { Unary[ping, pong](p, "Taken") },
		"Since 3":          func() { Unary[ping, pong](p, "A", MethodOptions{Since: 3}) },
		"MaxBytes":         func() { Unary[ping, pong](p, "B", MethodOptions{MaxBytes: LimitMaxBytes + 1}) },
		"chan int":         func() { Unary[struct{ C chan int }, pong](p, "C") },
		"field F":          func() { Unary[ping, struct{ F []map[string]func() }](p, "D") },
		"complex128":       func() { ClientStream[ping, complex128](p, "E") },
		"its keys":         func() { BidiStream[map[[2]int]string, pong](p, "F") },
		"nil function":     func() { Unary[ping, pong](p, "G").Handle(nil) },
		"a nil function":   func() { ServerStream[ping, pong](p, "H").Handle(nil) },
		"by a nil functio": func() { ClientStream[ping, pong](p, "I").Handle(nil) },
		"handled by a nil": func() { BidiStream[ping, pong](p, "J").Handle(nil) },
	} {
		if got := panics(f); !strings.Contains(got, want) {
			t.Errorf("panic %q, want one with %q", got, want)
		}
	}
}

func TestValidPointID(t *testing.T) {
	for _, s := range []string{"a", "acme.dev", "acme.dev/greeter", "a-b.c--d/e.f_g-h/0", strings.Repeat("a", 200)} {
		if !ValidPointID(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "/", "a/", "/a", "A", "a..b", ".a", "a.", "-a", "a-", "a_b", "a/b/", "a//b", "a/_b", "ä", "a b", strings.Repeat("a", 201)} {
		if ValidPointID(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestValidPath(t *testing.T) {
	for _, s := range []string{"/a.v1/B", "/acme.dev/greeter.v0/Greet_2", "/a.v1.v2/B", "/a.v9999/b"} {
		if !ValidPath(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "/", "a.v1/B", "/a/B", "/a.v/B", "/a.v01/B", "/a.v1/", "/a.v1/2", "/a.v1/B-C", "/a.v-1/B", "/a.v10000/B", "/.v1/B", "/a.v1/" + strings.Repeat("x", 65)} {
		if ValidPath(s) {
			t.Errorf("%q is accepted", s)
		}
	}
	for _, m := range testPoint.Methods() {
		if !ValidPath(m.Path()) {
			t.Errorf("the path of a method is refused: %s", m.Path())
		}
	}
}

func FuzzValidPath(f *testing.F) {
	f.Add("/acme.dev/greeter.v1/Greet")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := Relay(s, KindUnary, 0, 0)
		if ok := ValidPath(s); ok != (err == nil) || ok && (m.Path() != s || len(s) > MaxPath) {
			t.Errorf("%q: %v, %v", s, ok, err)
		}
	})
}
