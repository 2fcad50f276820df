package contract

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"
)

type tree struct {
	Name     string
	Children []tree
	Parent   *tree
}

type base struct{ ID int }

type embedding struct {
	base
	*ping
	Name string `json:"name,omitempty"`
	Skip string `json:"-"`
	none int
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{true, "bool"},
		{[]byte{}, "bytes"},
		{[4]byte{}, "4[uint8]"},
		{[]int32{}, "[int32]"},
		{map[string][]bool{}, "{string:[bool]}"},
		{time.Time{}, "time"},
		{time.Second, "int64"},
		{netip.Addr{}, "text:netip.Addr"},
		{new(string), "?string"},
		{struct{}{}, "()"},
		{struct{ B, A int }{}, "(A int;B int)"},
		{struct {
			A int `cbor:"x" json:"y"`
			B any
		}{}, "(B any;x int)"},
		{tree{}, "(Children [^2];Name string;Parent ?^2)"},
		{embedding{none: 1}, "(ID int;N int;name string)"},
	} {
		if got := Shape(reflect.TypeOf(c.v)); got != c.want {
			t.Errorf("%T: %s, want %s", c.v, got, c.want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	type a struct {
		X int
		Y string
	}
	type b struct {
		Y string
		X int
	}
	of := func(f func(*Point) *Method) uint64 { return f(Define("acme.dev/p", 1, 0)).Fingerprint() }
	same := of(func(p *Point) *Method { return Unary[a, a](p, "M").Method })
	if got := of(func(p *Point) *Method { return Unary[b, b](p, "M").Method }); got != same {
		t.Error("names of types or the order of fields change the fingerprint")
	}
	for name, f := range map[string]func(*Point) *Method{
		"name": func(p *Point) *Method { return Unary[a, a](p, "N").Method },
		"kind": func(p *Point) *Method { return ServerStream[a, a](p, "M").Method },
		"type": func(p *Point) *Method {
			return Unary[a, struct {
				X int32
				Y string
			}](p, "M").Method
		},
		"point": func(*Point) *Method { return Unary[a, a](Define("acme.dev/p", 2, 0), "M").Method },
	} {
		if of(f) == same {
			t.Errorf("another %s, the same fingerprint", name)
		}
	}
}

// TestFingerprintVectors keeps fingerprints as they are: plugins that were built before
// must go on.
func TestFingerprintVectors(t *testing.T) {
	type request struct {
		Name  string
		Count int
		Data  []byte `json:"data"`
		Tags  map[string][]string
		When  *time.Time
	}
	p := Define("acme.dev/greeter", 1, 2)
	got := map[string]map[string]string{}
	for _, m := range []*Method{Unary[request, struct{}](p, "Greet").Method, ServerStream[struct{ N int }, tree](p, "Watch").Method} {
		got[m.Path()] = map[string]string{"request": Shape(m.req), "answer": Shape(m.resp), "kind": m.kind.String(), "fingerprint": hex16(m.Fingerprint())}
	}
	file := "../docs/spec/testdata/fingerprints.json"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		b, err := json.MarshalIndent(got, "", "  ")
		t.Errorf("%s differs; the methods are\n%s\n%v", file, b, err)
	}
}

func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[15-i] = digits[n>>(4*i)&15]
	}
	return string(b[:])
}

func TestCheckAgreement(t *testing.T) {
	m := echoMethod.Method
	f := m.Fingerprint()
	for _, c := range []struct {
		minor       int
		fingerprint uint64
		ok          bool
	}{{3, f, true}, {3, f + 1, false}, {3, 0, true}, {2, f + 1, true}, {4, f + 1, true}} {
		err := CheckAgreement(m, c.minor, c.fingerprint)
		if e := AsError(err); (err == nil) != c.ok || e != nil && (e.Code != FailedPrecondition || e.Reason != ReasonMismatch) {
			t.Errorf("minor %d, %x: %v", c.minor, c.fingerprint, err)
		}
	}
	r, err := Relay(m.Path(), KindUnary, 3, 0)
	if err != nil || CheckAgreement(r, 3, f) != nil {
		t.Error("a relay without fingerprint is compared", err)
	}
}
