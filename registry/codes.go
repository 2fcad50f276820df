package registry

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
)

// Code is a public error code. Those of /v2 are from OCI Distribution 1.1.
type Code string

// The codes that a registry answers with.
const (
	CodeBlobUnknown     Code = "BLOB_UNKNOWN"
	CodeUploadInvalid   Code = "BLOB_UPLOAD_INVALID"
	CodeUploadUnknown   Code = "BLOB_UPLOAD_UNKNOWN"
	CodeDigestInvalid   Code = "DIGEST_INVALID"
	CodeManifestInvalid Code = "MANIFEST_INVALID"
	CodeManifestUnknown Code = "MANIFEST_UNKNOWN"
	CodeChildUnknown    Code = "MANIFEST_BLOB_UNKNOWN"
	CodeNameInvalid     Code = "NAME_INVALID"
	CodeNameUnknown     Code = "NAME_UNKNOWN"
	CodeSizeInvalid     Code = "SIZE_INVALID"
	CodeUnauthorized    Code = "UNAUTHORIZED"
	CodeDenied          Code = "DENIED"
	CodeUnsupported     Code = "UNSUPPORTED"
	CodeVersionBound    Code = "VERSION_BOUND" // the version exists with other content
	CodeRemoved         Code = "VERSION_REMOVED"
	CodeTooLate         Code = "TOO_LATE"
	CodeState           Code = "STATE_CONFLICT"
	CodePluginInvalid   Code = "PLUGIN_INVALID" // the artifact is no valid plugin
	CodePluginUnknown   Code = "PLUGIN_UNKNOWN"
	CodeReleaseUnknown  Code = "RELEASE_UNKNOWN"
	CodeQueryInvalid    Code = "QUERY_INVALID"
	CodeTooMany         Code = "TOOMANYREQUESTS"
	CodeBehind          Code = "BEHIND" // a change is not here yet
	CodeInternal        Code = "INTERNAL"
)

// status is the one table of codes: the server answers with it, and the reference
// page lists it.
var status = map[Code]int{
	CodeBlobUnknown: http.StatusNotFound, CodeUploadInvalid: http.StatusRequestedRangeNotSatisfiable, CodeUploadUnknown: http.StatusNotFound,
	CodeDigestInvalid: http.StatusBadRequest, CodeManifestInvalid: http.StatusBadRequest, CodeManifestUnknown: http.StatusNotFound,
	CodeChildUnknown: http.StatusBadRequest, CodeNameInvalid: http.StatusBadRequest, CodeNameUnknown: http.StatusNotFound,
	CodeSizeInvalid: http.StatusRequestEntityTooLarge, CodeUnauthorized: http.StatusUnauthorized, CodeDenied: http.StatusForbidden,
	CodeUnsupported: http.StatusMethodNotAllowed, CodeVersionBound: http.StatusConflict, CodeRemoved: http.StatusConflict, CodeTooLate: http.StatusConflict, CodeState: http.StatusConflict,
	CodePluginInvalid: http.StatusUnprocessableEntity,
	CodePluginUnknown: http.StatusNotFound, CodeReleaseUnknown: http.StatusNotFound, CodeQueryInvalid: http.StatusBadRequest,
	CodeTooMany: http.StatusTooManyRequests, CodeBehind: http.StatusServiceUnavailable, CodeInternal: http.StatusInternalServerError,
}

// Status returns the HTTP status that goes with c.
func (c Code) Status() int { return status[c] }

// Codes lists every code by alphabet.
func Codes() []Code { return slices.Sorted(maps.Keys(status)) }

// Error is an answer with a code. Its text is for people and is sent to them.
type Error struct {
	Code   Code
	Detail string
	Err    error // the cause, not sent
}

// Error returns code and detail.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is work across the wire for the classes that have a sentinel.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrBound:
		return e.Code == CodeVersionBound
	case ErrRemoved:
		return e.Code == CodeRemoved
	case ErrTooLate:
		return e.Code == CodeTooLate
	case ErrState:
		return e.Code == CodeState
	case index.ErrNotFound:
		return e.Code == CodePluginUnknown
	case ErrNotFound:
		return status[e.Code] == http.StatusNotFound
	case artifact.ErrDigest:
		return e.Code == CodeDigestInvalid
	case ErrBusy:
		return e.Code == CodeTooMany
	}
	return false
}

// AsError finds the code for any error of a backend. notFound is the code for
// [ErrNotFound], which depends on what was asked for.
func AsError(err error, notFound Code) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, ErrBound):
		return &Error{CodeVersionBound, "this version exists with other content; versions never change", err}
	case errors.Is(err, ErrRemoved):
		return &Error{CodeRemoved, ErrRemoved.Error(), err}
	case errors.Is(err, ErrTooLate):
		return &Error{CodeTooLate, err.Error() + ": a release can be removed only for a while; yank it", err}
	case errors.Is(err, ErrState):
		return &Error{CodeState, err.Error(), err}
	case errors.Is(err, index.ErrNotFound):
		return &Error{CodePluginUnknown, "no such plugin", err}
	case errors.Is(err, ErrNotFound):
		return &Error{notFound, "not found", err}
	case errors.Is(err, artifact.ErrDigest):
		return &Error{CodeDigestInvalid, "content does not match its digest", err}
	case errors.Is(err, ErrChild):
		return &Error{CodeChildUnknown, "refers to " + err.Error() + ": push it first", err}
	case errors.Is(err, ErrOffset):
		return &Error{CodeUploadInvalid, err.Error(), err}
	case errors.Is(err, ErrBusy):
		return &Error{CodeTooMany, err.Error(), err}
	case errors.Is(err, ErrInvalid):
		return &Error{CodePluginInvalid, err.Error(), err}
	}
	return &Error{CodeInternal, "internal error", err}
}
