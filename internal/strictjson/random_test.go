package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/internal/strictjson"
)

// writer makes random documents. It knows where the keys of objects stand, so that a test
// can put another one behind them.
type writer struct {
	*rand.Rand
	out  strings.Builder
	keys []place
}

// place is where an object has a key, and what stands behind its value.
type place struct {
	key string
	end int
}

func (w *writer) value(depth int) {
	switch n := w.IntN(8); {
	case n < 2 && depth > 0:
		w.object(depth)
	case n < 4 && depth > 0:
		w.out.WriteByte('[')
		for i := range w.IntN(4) {
			if i > 0 {
				w.out.WriteString(w.space() + "," + w.space())
			}
			w.value(depth - 1)
		}
		w.out.WriteByte(']')
	default:
		w.out.WriteString([]string{`"a"`, `"{\"a\":1,\"a\":2}"`, `"\\"`, `-1.5e3`, `0`, `true`, `false`, `null`, `"\u00e9\ud83d\ude00"`, `""`, `"]}"`}[w.IntN(11)])
	}
}

func (w *writer) object(depth int) {
	w.out.WriteByte('{')
	for i, n := range w.Perm(12)[:w.IntN(5)] {
		if i > 0 {
			w.out.WriteString("," + w.space())
		}
		key := []string{"a", "b", "Long key", "é", "ß", "x:y", "q\\\"q", "", "0", "null", "kelvin", "straße"}[n]
		w.out.WriteString(`"` + key + `"` + w.space() + ":" + w.space())
		w.value(depth - 1)
		w.keys = append(w.keys, place{key, w.out.Len()})
	}
	w.out.WriteString(w.space() + "}")
}

func (w *writer) space() string { return []string{"", "", " ", "\n\t", "\r\n"}[w.IntN(5)] }

// escape writes every character of a key as an escape.
func escape(key string) string {
	var b strings.Builder
	for _, r := range strings.ReplaceAll(key, `\"`, `"`) {
		fmt.Fprintf(&b, `\u%04X`, r)
	}
	return b.String()
}

// TestRandomDocuments takes what the standard decoder takes, and refuses it once any of its
// objects has a key twice: as it is, with escapes, or in another case.
func TestRandomDocuments(t *testing.T) {
	spoiled := 0
	for seed := range uint64(2000) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
		w.object(4)
		text := w.out.String()
		var loose, strict any
		if err := json.Unmarshal([]byte(text), &loose); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		if err := strictjson.Unmarshal([]byte(text), &strict, strictjson.Limits{}); err != nil || !reflect.DeepEqual(strict, loose) {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		if err := strictjson.Check([]byte(text), strictjson.Limits{RefuseNull: true}); (err != nil) != hasNull(loose) {
			t.Fatalf("seed %d: null in %s: %v", seed, text, err)
		}
		for _, p := range w.keys {
			for _, again := range []string{p.key, escape(p.key), strings.ToUpper(p.key)} {
				if strings.Contains(p.key, "ß") && again == strings.ToUpper(p.key) {
					continue // another length in upper case
				}
				bad := text[:p.end] + `,"` + again + `":1` + text[p.end:]
				if err := strictjson.Check([]byte(bad), strictjson.Limits{}); !errors.Is(err, strictjson.ErrInvalid) {
					t.Fatalf("seed %d: %q twice in %s: %v", seed, p.key, bad, err)
				}
				spoiled++
			}
		}
	}
	if spoiled < 5000 {
		t.Errorf("%d documents with a key twice", spoiled)
	}
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		if slices.ContainsFunc(v, hasNull) {
			return true
		}
	case map[string]any:
		for _, x := range v {
			if hasNull(x) {
				return true
			}
		}
	}
	return false
}

// TestDepth counts lists and objects alike.
func TestDepth(t *testing.T) {
	for depth := 1; depth < 8; depth++ {
		for kind := range 2 {
			text := strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
			if kind == 1 {
				text = strings.Repeat(`{"a":`, depth-1) + "{}" + strings.Repeat(`}`, depth-1)
			}
			for limit := 1; limit < 8; limit++ {
				err := strictjson.Check([]byte(text), strictjson.Limits{Depth: limit})
				if (err == nil) != (depth <= limit) {
					t.Errorf("%s with a depth of %d: %v", text, limit, err)
				}
			}
		}
	}
	if err := strictjson.Check([]byte(`[[],[],[{}],{}]`), strictjson.Limits{Depth: 3}); err != nil {
		t.Errorf("closed ones count: %v", err)
	}
}

// TestManyFields has more fields than fit into the bits of a word. The last ones are
// watched as well as the first.
func TestManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 70 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int](), Tag: reflect.StructTag(fmt.Sprintf(`json:"f%d"`, i))})
	}
	many := reflect.StructOf(fields)
	for i := range 70 {
		v := reflect.New(many)
		once := fmt.Sprintf(`"f%d":%d`, i, i+1)
		if err := strictjson.Unmarshal([]byte("{"+once+"}"), v.Interface(), strictjson.Limits{}); err != nil || v.Elem().Field(i).Int() != int64(i+1) {
			t.Fatalf("field %d: %v", i, err)
		}
		for _, again := range []string{once, fmt.Sprintf(`"\u0066%d":1`, i), fmt.Sprintf(`"F%d":1`, i)} {
			for _, text := range []string{once + "," + again, again + "," + once, `"f0":1,` + again + `,"f1":2,` + once} {
				if err := strictjson.Unmarshal([]byte("{"+text+"}"), v.Interface(), strictjson.Limits{AllowUnknown: true}); !errors.Is(err, strictjson.ErrInvalid) {
					t.Errorf("%s: %v", text, err)
				}
			}
		}
	}
}

// TestErrorPlaces says where the mistake is.
func TestErrorPlaces(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"a":2}`:      "at byte 7: ",
		`{"a":{"b":[1,{}]}x`: "at byte 18: ",
		`[1,null]`:           "at byte 3: null",
		`{"aa":1, "AA":2}`:   "at byte 9: ",
		`["\ud800"]`:         "at byte 2: ",
		`[[[]]]`:             "at byte 2: nested deeper than 2",
	} {
		err := strictjson.Check([]byte(text), strictjson.Limits{Depth: 2, RefuseNull: true})
		if !errors.Is(err, strictjson.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	var x struct {
		N int8 `json:"n"`
	}
	for text, want := range map[string]string{`{"n":300}`: "300", `{"n":1.5}`: "1.5", `{"m":1}`: `unknown field "m"`, `[]`: "array"} {
		err := strictjson.Unmarshal([]byte(text), &x, strictjson.Limits{})
		if !errors.Is(err, strictjson.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "json: ") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
