package remote

import (
	"errors"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// TestDeclared: of a plugin that cannot be asked the manifest is believed.
func TestDeclared(t *testing.T) {
	newer := contract.Define("acme.dev/p", 1, 3)
	late := contract.Unary[num, num](newer, "Late", contract.MethodOptions{Since: 3})
	next := contract.Unary[num, num](contract.Define("acme.dev/p", 2, 0), "Double")
	relay, err := contract.Relay("/acme.dev/p.v1/Anything", contract.KindUnary, 2, 99)
	if err != nil {
		t.Fatal(err)
	}
	x := Declared(&manifest.Manifest{ID: "acme/p", Provides: []manifest.PointRef{{ID: "acme.dev/p", Major: 1, Minor: 2}, {ID: "acme.dev/j", Major: 1}}})
	if x.Codec() != contract.JSON {
		t.Error(x.Codec().Name())
	}
	for m, want := range map[*contract.Method]contract.Code{
		double.Method: contract.OK, absent.Method: contract.OK, jdouble.Method: contract.OK, relay: contract.OK,
		stream.Method: contract.Unimplemented, late.Method: contract.Unimplemented, next.Method: contract.Unimplemented,
	} {
		err := x.Check(m)
		if want == contract.OK && err != nil || want != contract.OK && !errors.Is(err, want) || x.Offers(m) != (err == nil) {
			t.Errorf("%s: %v, %v", m.Path(), err, x.Offers(m))
		}
	}
	if b, err := x.Append(nil, double.Method, &num{3}); err != nil || string(b) != `{"N":3}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := x.Append(nil, relay, &contract.Raw{Codec: "cbor", Bytes: []byte{1}}); !errors.Is(err, contract.FailedPrecondition) {
		t.Error(err)
	}
}
