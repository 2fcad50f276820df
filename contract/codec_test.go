package contract

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type message struct {
	Text  string `json:"text"`
	N     int64
	U     uint64
	F     float64
	B     []byte
	T     time.Time
	D     time.Duration
	Addr  netip.Addr
	List  []string
	Map   map[string]int
	Inner *message
	Any   any
}

func example() message {
	return message{
		Text: "ü \U0001F600 <&>", N: math.MinInt64, U: math.MaxUint64, F: 0.1, B: []byte{0, 255},
		T: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), D: -time.Hour, Addr: netip.MustParseAddr("10.0.0.1"),
		List: []string{"a"}, Map: map[string]int{"": 1}, Inner: &message{}, Any: "x",
	}
}

func TestCodecs(t *testing.T) {
	for _, c := range []Codec{CBOR, JSON} {
		for _, in := range []message{{}, example()} {
			b, err := c.Append([]byte("before"), &in)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(b), "before") || strings.HasSuffix(string(b), "\n") {
				t.Errorf("%s: %q", c.Name(), b)
			}
			var out message
			if err := c.Decode(b[6:], &out); err != nil || !reflect.DeepEqual(in, out) {
				t.Errorf("%s: %v\n got %+v\nwant %+v", c.Name(), err, out, in)
			}
			for i := range b {
				b[i] = 0 // the memory is used again
			}
			if !reflect.DeepEqual(in, out) {
				t.Errorf("%s: the message holds on to its bytes", c.Name())
			}
		}
		if _, err := c.Append(nil, &struct{ C chan int }{make(chan int)}); err == nil {
			t.Errorf("%s: a channel was encoded", c.Name())
		}
		var n struct{ Text string }
		more, err := c.Append(nil, map[string]any{"Text": "x", "new": 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Decode(more, &n); err != nil || n.Text != "x" {
			t.Errorf("%s: a field of a newer minor version: %v", c.Name(), err)
		}
	}
}

// TestTextsAreUTF8 in JSON too, which would replace them silently.
func TestTextsAreUTF8(t *testing.T) {
	for text, ok := range map[string]bool{"\xff": false, "a\x80\ufffd": false, "\ufffd": true, `\ufffd`: true, `\\ufffd`: true, "\\ufffd\xff": false} {
		in := message{Inner: &message{Text: text}}
		b, err := JSON.Append([]byte("before"), &in)
		if (err == nil) != ok || !ok && string(b) != "before" {
			t.Errorf("%q: %q, %v", text, b, err)
		}
		var out message
		if ok && (JSON.Decode(b[6:], &out) != nil || out.Inner.Text != text) {
			t.Errorf("%q became %q", text, out.Inner.Text)
		}
	}
	raw := struct{ Document json.RawMessage }{json.RawMessage(`"\ufffd"`)}
	if _, err := JSON.Append(nil, raw); err != nil {
		t.Errorf("an escape that somebody wrote: %v", err)
	}
}

// TestNumbers: what does not fit is refused, not changed.
func TestNumbers(t *testing.T) {
	var small struct{ N int8 }
	var unsigned struct{ N uint64 }
	var whole struct{ N int64 }
	for name, into := range map[string]any{"300": &small, "-129": &small, "-1": &unsigned, "18446744073709551616": &unsigned, "9223372036854775808": &whole, "1.5": &whole, "1e300": &whole} {
		if err := JSON.Decode([]byte(`{"N":`+name+`}`), into); err == nil {
			t.Errorf("JSON, %s as %T: %+v", name, into, into)
		}
	}
	for name, c := range map[string]struct{ value, into any }{
		"300": {300, &small}, "-1": {-1, &unsigned}, "2^63": {uint64(1 << 63), &whole}, "1.5": {1.5, &whole}, "NaN": {math.NaN(), &whole},
	} {
		b, err := CBOR.Append(nil, map[string]any{"N": c.value})
		if err != nil {
			t.Fatal(err)
		}
		if err := CBOR.Decode(b, c.into); err == nil {
			t.Errorf("CBOR, %s as %T: %+v", name, c.into, c.into)
		}
	}
	var ratio struct{ F float64 }
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		b, err := CBOR.Append(nil, map[string]float64{"F": f})
		if err == nil {
			err = CBOR.Decode(b, &ratio)
		}
		if err != nil || math.IsNaN(f) != math.IsNaN(ratio.F) || !math.IsNaN(f) && f != ratio.F {
			t.Errorf("CBOR: %v became %v, %v", f, ratio.F, err)
		}
		if b, err := JSON.Append(nil, map[string]float64{"F": f}); err == nil {
			t.Errorf("JSON: %v became %s", f, b)
		}
	}
}

// TestNothing: nil and empty lists and maps, and missing and null fields, are what the codec
// makes of them, the same in both.
func TestNothing(t *testing.T) {
	type lists struct {
		List []string
		Map  map[string]int
		To   *int
	}
	for _, c := range []Codec{CBOR, JSON} {
		for name, in := range map[string]lists{"nil": {}, "empty": {List: []string{}, Map: map[string]int{}}} {
			b, err := c.Append(nil, in)
			if err != nil {
				t.Fatal(err)
			}
			out := lists{}
			if err := c.Decode(b, &out); err != nil || !reflect.DeepEqual(in, out) {
				t.Errorf("%s: %s: %+v, %v", c.Name(), name, out, err)
			}
		}
	}
	for c, src := range map[Codec]string{JSON: "{}", CBOR: "\xa0"} {
		kept := lists{List: []string{"kept"}}
		if err := c.Decode([]byte(src), &kept); err != nil || len(kept.List) != 1 {
			t.Errorf("%s: a missing field: %+v, %v", c.Name(), kept, err)
		}
	}
}

func TestDeterministic(t *testing.T) {
	m := map[string]int{"b": 1, "a": 2, "cc": 3, "": 4}
	first, err := CBOR.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := CBOR.Append(nil, m); err != nil || string(again) != string(first) {
			t.Fatalf("%x, then %x, %v", first, again, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	deepCBOR := strings.Repeat("\x81", 40) + "\x00"
	for name, src := range map[string]string{
		"nothing": "", "cut": "\xa1\x64text", "key twice": "\xa2\x61N\x01\x61N\x02", "no UTF-8": "\xa1\x64text\x61\xff",
		"deep": deepCBOR, "two values": "\xa0\xa0", "huge list": "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "wrong kind": "\xa1\x61N\x61x",
	} {
		var m message
		if err := CBOR.Decode([]byte(src), &m); err == nil {
			t.Errorf("CBOR, %s: no error", name)
		}
	}
	for name, src := range map[string]string{
		"nothing": "", "cut": `{"N":`, "no UTF-8": "{\"text\":\"\xff\"}", "two values": `{} {}`, "wrong kind": `{"N":"x"}`,
		"deep": strings.Repeat("[", 33) + strings.Repeat("]", 33),
	} {
		var m message
		if err := JSON.Decode([]byte(src), &m); err == nil {
			t.Errorf("JSON, %s: no error", name)
		}
	}
	var s struct{ Text string }
	if err := JSON.Decode([]byte(`{"Text":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \" [["}`), &s); err != nil {
		t.Errorf("brackets within a text: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range []Codec{CBOR, JSON} {
		m := example()
		b, err := c.Append(nil, &m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []Codec{CBOR, JSON} {
			var m message
			if c.Decode(b, &m) != nil {
				continue
			}
			again, err := c.Append(nil, &m)
			if err != nil {
				continue // a number that the codec does not write, for example
			}
			var n message
			if err := c.Decode(again, &n); err != nil {
				t.Errorf("%s: %x was read, written as %x, and refused: %v", c.Name(), b, again, err)
			}
		}
	})
}
