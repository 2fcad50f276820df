package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/manifest"
)

// maxError is the size of an error object in bytes.
const maxError = 64 << 10

// outcome is how a run ended.
type outcome struct {
	out    []byte // standard output
	exit   int    // exit code; -1: ended by a signal
	ending string // that in words, for example "exit status 3"
	hint   string // ": " and the line of standard error that says most, or nothing
}

// answer returns the bytes of the answer, or the error that the run means.
func (o outcome) answer(id manifest.ID) ([]byte, error) {
	out := bytes.TrimSpace(o.out)
	switch {
	case o.exit == 0 && len(out) == 0:
		return nil, contract.Errorf(contract.Internal, "plugin %s ended with exit status 0 and wrote no answer%s", id, o.hint).Because(contract.ReasonProtocol)
	case o.exit == 0:
		return out, nil
	case o.exit < 0:
		return nil, contract.Errorf(contract.Unavailable, "plugin %s: the command ended with %s%s", id, o.ending, o.hint).Because(contract.ReasonCrashed)
	}
	e := parseError(out)
	if e.Code == contract.OK {
		e.Code = exitCode(o.exit)
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("plugin %s: %s%s", id, o.ending, o.hint)
	}
	return nil, e
}

// exitCode is the code of an error that says none itself.
func exitCode(exit int) contract.Code {
	switch {
	case exit > 100 && exit <= 100+int(contract.Unauthenticated):
		return contract.Code(exit - 100)
	case exit == 126 || exit == 127:
		return contract.FailedPrecondition
	}
	return contract.Unknown
}

// hostReasons are reasons that callers act on, and that a plugin which answers has not.
var hostReasons = []string{contract.ReasonCrashed, contract.ReasonStopped}

// parseError reads an error object. What is none gives an error without code and message.
func parseError(b []byte) *contract.Error {
	var e contract.Error
	if len(b) > maxError || !bytes.HasPrefix(b, []byte("{")) || contract.JSON.Decode(b, &e) != nil {
		return new(contract.Error)
	}
	var said struct {
		Code *contract.Code `json:"code"`
	}
	if json.Unmarshal(b, &said) == nil && said.Code != nil && (e.Code == contract.OK || e.Code > contract.Unauthenticated) {
		e.Code = contract.Unknown
	}
	if slices.Contains(hostReasons, e.Reason) {
		e.Reason = ""
	}
	e.RetryAfter = max(e.RetryAfter, 0)
	return &e
}
