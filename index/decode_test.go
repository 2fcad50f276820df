package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
)

// The oracle reads a line with strictjson and the types as they are: the decoder is to
// accept the same lines and to return the same values.

func oracle(l []byte, v any) error {
	return strictjson.Unmarshal(l, v, strictjson.Limits{Size: maxLine, Depth: maxDepth, AllowUnknown: true})
}

func oracleRelease(l []byte) (r Release, err error) {
	var x struct {
		R json.RawMessage `json:"r"`
		S State           `json:"s"`
	}
	if err = oracle(l, &x); err != nil {
		return r, err
	}
	r.State, r.Raw = x.S, x.R
	if r.Raw != nil {
		err = oracle(r.Raw, &r.Record)
	}
	return r, err
}

// agree reads l both ways, and reports whether it is a release or a header.
func agree(t *testing.T, d *decoder, l []byte) (release, header bool) {
	t.Helper()
	var r Release
	err := d.release(l, &r)
	want, wantErr := oracleRelease(l)
	same(t, l, r, want, err, wantErr)
	h, herr := d.header(l)
	var wantH Header
	wantErr = oracle(l, &wantH)
	same(t, l, h, wantH, herr, wantErr)
	return err == nil, herr == nil
}

func same[T any](t *testing.T, l []byte, got, want T, err, wantErr error) {
	t.Helper()
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q\nerror %v\nwant  %v", l, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\ngot  %#v\nwant %#v", l, got, want)
	}
	if err != nil && !errors.Is(err, strictjson.ErrInvalid) {
		t.Fatalf("%q: %v is of another class", l, err)
	}
}

const (
	wholeHeader = `{"v":1,"id":"acme/hello","summary":"S","license":"MIT","keywords":["a",null],"providers":["acme/x"],"deprecated":{"message":"m","replacement":"acme/y"},"channels":[{"name":"beta","version":"1.0.0"}]}`
	wholeLine   = `{"r":{"id":"acme/hello","version":"1.0.0-rc.1+b","provides":[{"id":"acme.dev/greeter","major":1,"minor":0}],"host":{"acme":">=2 <3","b":null},` +
		`"requires":[{"id":"acme/base","range":"^1","optional":true,"init":false}],"any_of":[[{"id":"a/b","range":"*"},{"id":"a/c","range":"1.x || ^3"}]],"conflicts":[],` +
		`"offers":[{"id":"a/d","version":"1.2.3"}],"capabilities":["net:x:1"],"state":-0,"digest":"sha256:00","size":1234,"time":"2026-01-02T03:04:05.6+07:00",` +
		`"packages":[{"runtime":"wasm","platform":{"os":"wasip1","architecture":"wasm"},"manifest":{"digest":"d","size":5},"payload":{"digest":"e","size":6}}]},` +
		`"s":{"yanked":{"reason":"eats \"files\"\ud83d\ude00"},"blocked":null,"removed":{"reason":"r"}}}`
)

var seeds = []string{
	wholeHeader, wholeLine, ``, ` `, `null`, `nul`, `{}`, `[]`, `{`, `{"r"`, `{"r":`, `{"r":{`, `"\u12`, `"\`, "\"\\ud83d", `{"r":null}`, `{"r":"x"}`, `{"s":{}}`,
	`{"r":{}} {}`, `{"r":{},}`, `{,"r":{}}`, `{"r" {}}`, `{"r":{}"s":{}}`, `{"r":{},"r":{}}`, `{"r":{},"R":{}}`, `{"R":{}}`, `{"\u0072":{},"r":{}}`, `{"\u0072":{}}`,
	`{"r":{"x":{"k":1,"K":2}}}`, "{\"r\":{\"x\":{\"k\":1,\"\u212a\":2}}}", "{\"r\":{\"\u017ftate\":1}}", "{\"\u017f\":{}}", `{"x":1,"x":2}`, `{"x":1,"X":2}`,
	"{\"x\":\"\xff\"}", `{"x":"\ud83d"}`, `{"x":"\ud83dx"}`, `{"x":"\ude00\ud83d"}`, `{"x":"\ud83d\ud83d"}`, `{"x":"\\ud83d"}`, `{"x":"\'"}`, `{"x":"\u00g0"}`, "{\"x\":\"\x01\"}", "{\"x\":\"\u2028\x7f\"}",
	`{"x":01}`, `{"x":-}`, `{"x":1.}`, `{"x":.1}`, `{"x":1e}`, `{"x":1E+9}`, `{"x":-0.0e-7}`, `{"x":1e999}`, `{"x":truex}`, `{"x":[1,]}`, `{"x":[,1]}`, `{"x":[1 2]}`, `{"x":[}`,
	`{"v":1.0}`, `{"v":1e0}`, `{"v":"1"}`, `{"v":9223372036854775807}`, `{"v":9223372036854775808}`, `{"v":-9223372036854775808}`, `{"v":true}`, `{"v":null}`,
	`{"id":1}`, `{"id":["a"]}`, `{"id":null}`, `{"keywords":{}}`, `{"keywords":"a"}`, `{"keywords":[]}`, `{"keywords":null}`, `{"keywords":[1]}`, `{"keywords":["a" "b"]}`,
	`{"r":{"version":null}}`, `{"r":{"version":""}}`, `{"r":{"version":1}}`, `{"r":{"version":"1.0.0\u002b\u0062"}}`, `{"r":{"version":["1.0.0"]}}`,
	`{"r":{"host":{"a":"*","A":"*"}}}`, `{"r":{"host":{"a":"*","a":"*"}}}`, `{"r":{"host":{}}}`, `{"r":{"host":[]}}`, `{"r":{"host":{"a":""}}}`, `{"r":{"host":{"a":{}}}}`,
	`{"r":{"time":null}}`, `{"r":{"time":"2026-01-02T03:04:05\u005a"}}`, `{"r":{"time":"2026-01-02"}}`, `{"r":{"time":{}}}`, `{"r":{"time":""}}`, `{"r":{"time":1}}`, `{"r":{"time":"2026-13-02T03:04:05Z"}}`,
	`{"r":{"packages":[null,{},{"platform":null,"manifest":[]}]}}`, `{"r":{"packages":[{"Platform":{}}]}}`, `{"r":{"any_of":[null,[],[null]]}}`, `{"r":{"ANY_OF":1}}`,
	`{"r":{"requires":[{"optional":1}]}}`, `{"r":{"requires":[{"optional":null,"init":true}]}}`, `{"s":{"yanked":[]}}`, `{"s":{"yanked":{}}}`, `{"s":{"Yanked":{}}}`, `{"s":{"yanked":{"reason":null,"Reason":1}}}`,
	`{"r":{},"s":null,"x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, `{"r":{},"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
	`{"x":` + strings.Repeat(`{"a":`, 15) + `1` + strings.Repeat("}", 15) + `}`, `{"x":` + strings.Repeat(`{"a":`, 16) + `1` + strings.Repeat("}", 16) + `}`,
	strings.Repeat("[", 10001), " \t\r\n{ \"r\" : { } , \"s\" : { } } \n", "\ufeff{}", "{}\x00", "{}\v",
}

// TestDecodeSeeds reads every special case that is known.
func TestDecodeSeeds(t *testing.T) {
	d := new(decoder)
	for _, s := range seeds {
		agree(t, d, []byte(s))
	}
	if r, h := agree(t, d, []byte(wholeLine)); !r || !h {
		t.Error("the whole line is refused")
	}
	// Every cut and every single byte that is another one.
	for _, s := range []string{wholeLine, wholeHeader} {
		for i := range len(s) {
			agree(t, d, []byte(s[:i]))
			for _, c := range []byte("\"\\{}[],:0-.eEntf \x00\xff") {
				b := []byte(s)
				b[i] = c
				agree(t, d, b)
			}
		}
	}
}

// TestDecodeManyKeys has objects with so many unknown keys that a map looks for the
// equal ones, and a case variant of each of the known ones.
func TestDecodeManyKeys(t *testing.T) {
	d := new(decoder)
	for _, n := range []int{manyKeys - 1, manyKeys, manyKeys + 1, 3 * manyKeys} {
		for i := range n {
			var b strings.Builder
			for k := range n {
				fmt.Fprintf(&b, `"k%d":1,`, k)
			}
			if r, _ := agree(t, d, fmt.Appendf(nil, `{%s"K":1}`, b.String())); !r {
				t.Fatalf("%d keys are refused", n)
			}
			for _, again := range []string{"k", "K"} {
				if r, _ := agree(t, d, fmt.Appendf(nil, `{%s"%s%d":1}`, b.String(), again, i)); r {
					t.Fatalf("%d keys with %s%d twice are accepted", n, again, i)
				}
			}
		}
	}
}

// TestKeys: every field of the types is read, and none that they do not have.
func TestKeys(t *testing.T) {
	for _, x := range []struct {
		of   any
		keys []string
	}{
		{Header{}, headerKeys},
		{State{}, stateKeys},
		{Deprecation{}, adviceKeys},
		{Channel{}, channelKeys},
		{Yank{}, yankKeys},
		{Record{}, recordKeys},
		{manifest.PointRef{}, pointKeys},
		{manifest.Need{}, needKeys},
		{manifest.Offer{}, offerKeys},
		{Package{}, packageKeys},
		{manifest.Platform{}, platformKeys},
		{Ref{}, refKeys},
	} {
		var want []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(x.of)) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous {
				want = append(want, name)
			}
		}
		if got := slices.Clone(x.keys); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%T: %v, want %v", x.of, got, want)
		}
		for _, k := range x.keys {
			if strictjson.Fold(k) != k {
				t.Errorf("%T: %s is not folded", x.of, k)
			}
		}
		if len(x.keys) > 64 {
			t.Errorf("%T has too many keys for a word", x.of)
		}
	}
}

// TestDecodeRandom changes the values and keys of whole lines at random, so that each is
// JSON and most things in it are as they should be.
func TestDecodeRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	d := new(decoder)
	accepted, refused := 0, 0
	for range 6000 {
		l := vary(rnd, []string{wholeLine, wholeHeader}[rnd.IntN(2)])
		r, h := agree(t, d, []byte(l))
		for _, ok := range []bool{r, h} {
			if ok {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted < 1500 || refused < 1500 {
		t.Errorf("%d accepted and %d refused: one of them is hardly tried", accepted, refused)
	}
}

var values = []string{
	`null`, `true`, `false`, `0`, `-1`, `1.5`, `1e3`, `99999999999999999999`, `""`, `"x"`, `"1.2.3"`, `"^1"`, `"*"`, `"\u0031.0.0"`, `[]`, `{}`, `[null]`, `[{}]`,
	`{"a":"^1"}`, `{"a":1,"A":2}`, `"2026-01-02T03:04:05Z"`, `[[]]`, `"é\n\ud83d\ude00"`, `"\ud83d"`, `{"id":null}`, `{"Id":"x"}`, `{"id":"x","id":"y"}`,
}

// vary replaces one or two tokens of a line.
func vary(rnd *rand.Rand, l string) string {
	for range 1 + rnd.IntN(2) {
		i := rnd.IntN(len(l))
		switch at := strings.IndexByte(l[i:], ':'); rnd.IntN(4) {
		case 0: // a value
			if at < 0 {
				continue
			}
			start := i + at + 1
			var raw json.RawMessage
			if json.NewDecoder(strings.NewReader(l[start:])).Decode(&raw) == nil {
				l = l[:start] + values[rnd.IntN(len(values))] + strings.TrimLeft(l[start:], " ")[len(raw):]
			}
		case 1: // a key more
			if b := strings.IndexByte(l[i:], '{'); b >= 0 {
				key := []string{"x", "r", "s", "id", "ID", "size", "range", "reason", "\u017f"}[rnd.IntN(9)]
				l = fmt.Sprintf("%s%q:%s,%s", l[:i+b+1], key, values[rnd.IntN(len(values))], l[i+b+1:])
			}
		case 2: // a letter
			l = l[:i] + strings.ToUpper(l[i:i+1]) + l[i+1:]
		default: // white space
			if at >= 0 {
				l = l[:i+at] + " \t" + l[i+at:]
			}
		}
	}
	return l
}

// TestRecordKeepsNothingOfItsInput: the bytes of a document may be used again.
func TestRecordKeepsNothingOfItsInput(t *testing.T) {
	b := []byte(wholeLine)
	var r Release
	err := new(decoder).release(b, &r)
	if err != nil {
		t.Fatal(err)
	}
	want, err := oracleRelease([]byte(wholeLine))
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !reflect.DeepEqual(r, want) {
		t.Errorf("it changed to %+v", r)
	}
	r.Raw = append(r.Raw[:0], "changed"...)
	if r.ID != "acme/hello" || r.Digest != artifact.Digest("sha256:00") {
		t.Errorf("the raw bytes are those of %s", r.ID)
	}
}

// TestDecodeErrors: a message says where, and what is wrong.
func TestDecodeErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"r":{"id":1}}`:                      `at byte 11, key "id": got '1', want a string`,
		`{"r":{"id":"a","id":"b"}}`:           `key "id": it is there twice`,
		`{"r":{"ID":"a"}}`:                    `key "ID": it differs only in case from "id"`,
		`{"r":{"xx":1,"Xx":2}}`:               `key "Xx": it differs only in case from "xx"`,
		`{"r":{"version":"1"}}`:               `key "version": version "1": syntax error`,
		`{"r":{"host":{"acme":"one"}}}`:       `key "acme": range "one": syntax error`,
		`{"r":{"size":1.5}}`:                  `key "size": 1.5 is no whole number`,
		`{"r":{"time":"now"}}`:                `key "time": parsing time`,
		`{"r":{"packages":{}}}`:               `key "packages": got '{', want a list`,
		`{"r":{"x":"\ud800"}}`:                `half a surrogate pair`,
		`{"r":{"x":"\q"}}`:                    `bad escape`,
		`{"r":{`:                              `unexpected end`,
		`{"r":{}} x`:                          `want the end of the line`,
		`{"r":` + strings.Repeat("[", 20):     `want an object`,
		`{"x":` + strings.Repeat("[", 20):     `nested deeper than 16`,
		`{"x":"` + strings.Repeat("x", 65536): `more than the limit of 65536`,
		"{\"x\":\"\xff\"}":                    `not UTF-8`,
	} {
		err := new(decoder).release([]byte(text), new(Release))
		if !errors.Is(err, strictjson.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: got %v, want %q", text, err, want)
		}
	}
}

// TestMemoryIsBounded: a document with another range and other names in every line does
// not fill the memory of the reader.
func TestMemoryIsBounded(t *testing.T) {
	var a accepted
	d := new(decoder)
	for i := range 2 * max(maxRanges, maxAccepted) {
		l := fmt.Sprintf(`{"r":{"requires":[{"id":"acme/x%d","range":"^%d"}],"host":{"app%d":"*"},"provides":[{"id":"p%d"}],"packages":[{"runtime":"r%d","platform":{"os":"a","architecture":"b"}}]}}`, i, i, i, i, i)
		var r Release
		err := d.release([]byte(l), &r)
		if err != nil || r.Requires[0].Range.String() != fmt.Sprintf("^%d", i) {
			t.Fatal(r, err)
		}
		for range 2 { // the second time it is remembered, or not any more
			p := r.Packages[0]
			if err := errors.Join(a.id(r.Requires[0].ID), a.app(fmt.Sprintf("app%d", i)), a.point(r.Provides[0]), a.target(target{p.Runtime, p.Platform})); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(d.ranges) != maxRanges || len(a.ids) != maxAccepted || len(a.apps) != maxAccepted || len(a.points) != maxAccepted || len(a.targets) != maxAccepted {
		t.Errorf("%d ranges, %d ids, %d apps, %d points, %d targets", len(d.ranges), len(a.ids), len(a.apps), len(a.points), len(a.targets))
	}
	for range 2 { // a refusal is not remembered as its opposite
		if a.id("Acme/x") == nil || a.app("a b") == nil || a.point(manifest.PointRef{ID: "p1", Major: -1}) == nil || a.target(target{"a b", manifest.WasmPlatform}) == nil || a.target(target{"wasm", manifest.Platform{}}) == nil {
			t.Error("a bad name is accepted")
		}
	}
}

// TestDecodeRepeated reads lines one behind another with one decoder, whose hosts and
// ranges are the same, almost the same, or wrong.
func TestDecodeRepeated(t *testing.T) {
	d := new(decoder)
	for _, host := range []string{`{"a":"^1"}`, `{"a":"^1"}`, `{"a":"^1"} `, `{"a":"^1"}x`, `{"a":"^1"}}`, `{"a":"^1"`, `{"a":"^1","b":"*"}`, `{"a":"^1"}`, `null`, `{}`, `{}`, `{"a":"^"}`, `{"a":"^"}`, `{"a":"^1","A":"*"}`, `{"a":"^1","A":"*"}`} {
		agree(t, d, []byte(`{"r":{"host":`+host+`,"requires":[{"range":"^1"},{"range":"^1"}]}}`))
		agree(t, d, []byte(`{"r":{"requires":[{"range":"^2"}],"host":`+host+`},"s":{}}`))
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, v := range values {
		f.Add(fmt.Appendf(nil, `{"r":{"id":%s,"version":%s,"time":%s,"host":%s},"s":%s}`, v, v, v, v, v))
	}
	f.Fuzz(func(t *testing.T, l []byte) {
		d := new(decoder)
		agree(t, d, l)
		agree(t, d, l) // with what it remembers
	})
}
