package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Codec turns messages into bytes. Implementations are safe for concurrent use.
type Codec interface {
	// Name is what both sides call the codec, for example "cbor".
	Name() string
	// Append encodes v, a pointer to a message, behind dst.
	Append(dst []byte, v any) ([]byte, error)
	// Decode reads src into v, a pointer to a message. It keeps nothing of src: the
	// memory is used again when Decode has returned.
	Decode(src []byte, v any) error
}

// CBOR is the default codec: RFC 8949 with deterministic encoding. Structs are maps
// with text keys, named by the tag "cbor" or "json" or by the field. Times are RFC
// 3339 texts with nanoseconds. Decoding refuses repeated keys, texts that are no
// UTF-8, and nesting deeper than 32; it ignores unknown keys, so that a minor
// version can add fields.
var CBOR Codec = cborCodec{}

// JSON is for plugins in languages without a CBOR library, and for people. Bytes
// travel as base64. Encoding refuses texts that are no UTF-8, as decoding does.
var JSON Codec = jsonCodec{}

// maxDepth is how deep messages nest.
const maxDepth = 32

var (
	errNotUTF8  = errors.New("not UTF-8")
	errTooDeep  = fmt.Errorf("nested deeper than %d", maxDepth)
	errTrailing = errors.New("more than one value")
)

var (
	cborEncoder = must(encOptions().UserBufferEncMode())
	cborDecoder = must(decOptions().DecMode())
)

func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.Time = cbor.TimeRFC3339Nano
	o.BinaryMarshaler = cbor.BinaryMarshalerNone // as encoding/json: one shape in both codecs
	o.TextMarshaler = cbor.TextMarshalerTextString
	return o
}

func decOptions() cbor.DecOptions {
	return cbor.DecOptions{
		MaxNestedLevels:   maxDepth,
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		BinaryUnmarshaler: cbor.BinaryUnmarshalerNone,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return v
}

type cborCodec struct{}

func (cborCodec) Name() string { return "cbor" }

func (cborCodec) Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	err := cborEncoder.MarshalToBuffer(v, b)
	return b.Bytes(), err
}

func (cborCodec) Decode(src []byte, v any) error { return cborDecoder.Unmarshal(src, v) }

type jsonCodec struct{}

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	if bytes.Contains(b.Bytes()[len(dst):], []byte(`\ufffd`)) && !isText(v) {
		return dst, errNotUTF8
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// isText reports whether all texts in v are UTF-8. encoding/json replaces what is not, and
// CBOR's decoder refuses it.
func isText(v any) bool {
	b, err := CBOR.Append(nil, v)
	var all any
	return err != nil || cborDecoder.Unmarshal(b, &all) == nil
}

func (jsonCodec) Decode(src []byte, v any) error {
	if !utf8.Valid(src) {
		return errNotUTF8
	}
	if deep(src) {
		return errTooDeep
	}
	d := json.NewDecoder(bytes.NewReader(src))
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errTrailing
	}
	return nil
}

// deep reports whether JSON nests deeper than maxDepth. It looks at brackets outside
// texts only; what is no JSON at all is left to the decoder.
func deep(src []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
