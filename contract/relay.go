package contract

// Raw is an encoded message. A program that hands on calls without knowing their
// types invokes a [Relay] method with two of them.
type Raw struct {
	Codec string // name of the codec that Bytes are in
	Bytes []byte
}

// Relay makes a method of which only path and kind are known, to hand on calls of
// others. Its messages are [Raw]. minor and fingerprint are those of the caller's
// method; a fingerprint of zero is not compared. A path of a wrong form is an
// [InvalidArgument] error.
func Relay(path string, k Kind, minor int, fingerprint uint64) (*Method, error) {
	if !ValidPath(path) || minor < 0 || minor > maxVersion || k > KindBidi {
		return nil, Errorf(InvalidArgument, "method %.300q: want /POINT.vMAJOR/NAME", path)
	}
	return &Method{
		MethodOptions: MethodOptions{MaxBytes: LimitMaxBytes},
		point:         &Point{minor: minor, codec: rawCodec{}},
		path:          path,
		kind:          k,
		fingerprint:   func() uint64 { return fingerprint },
	}, nil
}

// IsRelay reports whether m was made by [Relay], so that its messages are [Raw].
func (m *Method) IsRelay() bool { return m.point.codec == Codec(rawCodec{}) }

// rawCodec passes bytes on.
type rawCodec struct{}

func (rawCodec) Name() string { return "raw" }

func (rawCodec) Append(dst []byte, v any) ([]byte, error) {
	r, ok := v.(*Raw)
	if !ok {
		return dst, Errorf(Internal, "a relayed method takes *contract.Raw, not %T", v)
	}
	return append(dst, r.Bytes...), nil
}

func (rawCodec) Decode(src []byte, v any) error {
	r, ok := v.(*Raw)
	if !ok {
		return Errorf(Internal, "a relayed method gives *contract.Raw, not %T", v)
	}
	r.Bytes = append([]byte(nil), src...)
	return nil
}
