// Package wireconfig turns a plugin's configuration from the JSON of operators into
// what plugins decode, so that no plugin has to link a JSON library.
package wireconfig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/strictjson"
)

// Limits of a configuration.
const (
	maxSize  = 1 << 20
	maxDepth = 30 // less than what the CBOR decoder of plugins takes
)

// Encode checks that raw is one JSON object and returns it in c, which is CBOR or JSON.
// Nothing gives nothing. Whole numbers that fit 64 bits stay
// whole, also 5.0 and 1e2. Errors have the code InvalidArgument.
func Encode(raw json.RawMessage, c contract.Codec) ([]byte, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	if err := strictjson.Check(raw, strictjson.Limits{Size: maxSize, Depth: maxDepth}); err != nil {
		return nil, contract.Errorf(contract.InvalidArgument, "configuration: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return nil, contract.Errorf(contract.InvalidArgument, "configuration: want a JSON object")
	}
	if c == contract.JSON {
		return slim(raw)
	}
	v, err := numbers(object)
	if err != nil {
		return nil, contract.Errorf(contract.InvalidArgument, "configuration: %w", err)
	}
	return c.Append(nil, v)
}

func slim(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.Bytes(), err
}

// numbers replaces every json.Number in v.
func numbers(v any) (any, error) {
	var err error
	switch x := v.(type) {
	case json.Number:
		return number(string(x))
	case map[string]any:
		for k := range x {
			if x[k], err = numbers(x[k]); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
		}
	case []any:
		for i := range x {
			if x[i], err = numbers(x[i]); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
	}
	return v, nil
}

// exact is the bound below which a float64 holds every whole number.
const exact = 1 << 53

func number(s string) (any, error) {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return u, nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("number %.40s is too large", s)
	}
	if f == math.Trunc(f) && math.Abs(f) < exact {
		return int64(f), nil // to a schema 5.0 is a whole number; who wants a fraction takes it, too
	}
	return f, nil
}
