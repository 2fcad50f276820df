package guest

import (
	"reflect"

	"github.com/plugstead/plugstead/contract"
)

// rawEnd is a callerEnd whose messages are [contract.Raw], for streams that are handed
// on by others: the handler at the other end gets and gives its own types. What is
// received has the codec that the Raw names before, by default that of the method.
type rawEnd struct {
	callerEnd
	m *contract.Method
}

func (e rawEnd) codec(name string) (contract.Codec, error) {
	own := e.m.Codec()
	switch {
	case name == "" || name == own.Name():
		return own, nil
	case own == contract.CBOR && name == contract.JSON.Name():
		return contract.JSON, nil
	}
	return nil, contract.Errorf(contract.FailedPrecondition, "%s: the message is in %.40q, want %s", e.m.Path(), name, own.Name()).Because(contract.ReasonMismatch)
}

// raw returns msg as what it has to be.
func (e rawEnd) raw(msg any) (*contract.Raw, contract.Codec, error) {
	r, ok := msg.(*contract.Raw)
	if !ok {
		return nil, nil, contract.Errorf(contract.Internal, "%s: a relayed stream takes *contract.Raw, not %T", e.m.Path(), msg)
	}
	c, err := e.codec(r.Codec)
	return r, c, err
}

// Send implements contract.Stream.
func (e rawEnd) Send(msg any) error {
	r, c, err := e.raw(msg)
	if err != nil {
		return err
	}
	req, _ := e.m.Types()
	v := reflect.New(req)
	if err := e.m.CheckSize(len(r.Bytes)); err != nil {
		return err
	}
	if err := c.Decode(r.Bytes, v.Interface()); err != nil {
		return contract.Errorf(contract.InvalidArgument, "%s: message: %w", e.m.Path(), err)
	}
	return e.callerEnd.Send(v.Interface())
}

// Recv implements contract.Stream.
func (e rawEnd) Recv(msg any) error {
	r, c, err := e.raw(msg)
	if err != nil {
		return err
	}
	_, resp := e.m.Types()
	v := reflect.New(resp)
	if err := e.callerEnd.Recv(v.Interface()); err != nil {
		return err
	}
	if r.Bytes, err = c.Append(nil, v.Interface()); err != nil {
		return contract.Errorf(contract.Internal, "%s: message: %w", e.m.Path(), err)
	}
	r.Codec = c.Name()
	return e.m.CheckSize(len(r.Bytes))
}
