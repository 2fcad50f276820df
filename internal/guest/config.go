package guest

import (
	"errors"
	"reflect"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/plugstead/plugstead/contract"
)

var (
	strictConfig = decMode(cbor.ExtraDecErrorUnknownField)
	anyKey       = decMode(cbor.ExtraDecErrorNone)
)

func decMode(extra cbor.ExtraDecErrorCond) cbor.DecMode {
	m, err := cbor.DecOptions{
		MaxNestedLevels:   64,
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: extra,
		BinaryUnmarshaler: cbor.BinaryUnmarshalerNone,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}

// DecodeConfig returns what reads a configuration in CBOR. Keys that the plugin does not
// know are errors, because a misspelled key would otherwise do nothing. Errors have the
// code InvalidArgument.
func DecodeConfig(b []byte) Decode {
	return func(v any) error {
		if len(b) == 0 {
			return nil
		}
		err := strictConfig.Unmarshal(b, v)
		var unknown *cbor.UnknownFieldError
		if errors.As(err, &unknown) {
			return contract.Errorf(contract.InvalidArgument, "configuration: unknown key in %q", culprits(b, v))
		}
		if err != nil {
			return contract.Errorf(contract.InvalidArgument, "configuration: %w", err)
		}
		return nil
	}
}

// culprits returns the top-level keys that are unknown or hold an unknown key.
func culprits(b []byte, v any) []string {
	var all map[string]cbor.RawMessage
	if anyKey.Unmarshal(b, &all) != nil {
		return nil
	}
	var out []string
	for k, raw := range all {
		one, err := cbor.Marshal(map[string]cbor.RawMessage{k: raw})
		if err != nil {
			continue
		}
		var unknown *cbor.UnknownFieldError
		if errors.As(strictConfig.Unmarshal(one, reflect.New(reflect.TypeOf(v).Elem()).Interface()), &unknown) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
