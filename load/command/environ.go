package command

import (
	"context"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/manifest"
)

// maxConfig is the size of a configuration in bytes. One variable of Linux holds twice as
// much.
const maxConfig = 64 << 10

// defaultPath finds the interpreter of a script that begins with #!/usr/bin/env, and what
// scripts call.
const defaultPath = "PATH=/usr/local/bin:/usr/bin:/bin"

// configOf returns a configuration as programs get it.
func configOf(raw json.RawMessage) (string, error) {
	b, err := wireconfig.Encode(raw, contract.JSON)
	if err != nil {
		return "", err
	}
	if len(b) > maxConfig {
		return "", contract.Errorf(contract.InvalidArgument, "configuration: %d bytes, more than the limit of %d of commands", len(b), maxConfig)
	}
	return string(b), nil
}

// environ returns the variables that are the same in every run but for the configuration.
// Of a name that is there twice the last one counts.
func environ(m *manifest.Manifest, s load.Spec) []string {
	var out []string
	if runtime.GOOS != "windows" {
		out = append(out, defaultPath)
	}
	out = append(out, remote.Environ(s.Grants)...)
	out = append(out, "PLUGSTEAD_COMMAND=1", "PLUGSTEAD_PLUGIN="+string(m.ID), "PLUGSTEAD_VERSION="+m.Version.String())
	if s.DataDir != "" {
		out = append(out, "PLUGSTEAD_DATA="+s.DataDir)
	}
	return out
}

// ofCall returns the variables of one call.
func ofCall(ctx context.Context, config string) []string {
	var out []string
	if config != "" {
		out = append(out, "PLUGSTEAD_CONFIG="+config)
	}
	if t, ok := ctx.Deadline(); ok {
		out = append(out, "PLUGSTEAD_DEADLINE="+strconv.FormatInt(t.UnixMilli(), 10))
	}
	trace := contract.TraceOf(ctx)
	if !fits(trace.Parent, contract.MaxTraceParent) {
		return out // without it the state means nothing
	}
	if out = append(out, "TRACEPARENT="+trace.Parent); fits(trace.State, contract.MaxTraceState) {
		out = append(out, "TRACESTATE="+trace.State)
	}
	return out
}

// fits reports whether a text is one that a variable can hold.
func fits(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsRune(s, 0)
}

// arguments returns what follows the name of the program, for the method at path, which is
// /POINT.vMAJOR/NAME.
func arguments(path string) []string {
	i := strings.LastIndexByte(path, '/')
	return []string{path[1:i], path[i+1:]}
}
