// Command command is the test plugin as a program that runs once for each call, as
// docs/spec/command.md says. What that runtime does not carry is not there.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
	"github.com/plugstead/plugstead/internal/wireconfig"
	_ "github.com/plugstead/plugstead/load/loadtest/testplugin"
)

func main() {
	out, err := run(context.Background())
	if err != nil {
		e := contract.AsError(err)
		out, _ = contract.JSON.Append(nil, e) // an error whose texts cannot be said has its code
		if len(out) == 0 {
			out, _ = json.Marshal(e)
		}
		defer os.Exit(100 + int(e.Code))
	}
	os.Stdout.Write(out)
}

// run serves the call of the arguments.
func run(ctx context.Context) ([]byte, error) {
	if ms, err := strconv.ParseInt(os.Getenv("PLUGSTEAD_DEADLINE"), 10, 64); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(ms))
		defer cancel()
	}
	ctx = contract.WithTrace(ctx, contract.Trace{Parent: os.Getenv("TRACEPARENT"), State: os.Getenv("TRACESTATE")})
	r, err := guest.Linked.Pick(os.Getenv("PLUGSTEAD_PLUGIN"))
	if err != nil {
		return nil, err
	}
	config, err := wireconfig.Encode([]byte(os.Getenv("PLUGSTEAD_CONFIG")), contract.CBOR)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(prefixed{}, nil))
	none := guest.Nobody{Err: contract.Errorf(contract.Unimplemented, "a command cannot call")}
	env := &guest.Env{ID: r.ID, Log: log, Host: none, DataDir: os.Getenv("PLUGSTEAD_DATA")}
	in, err := r.Start(ctx, env, guest.DecodeConfig(config))
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/%s/%s", os.Args[1], os.Args[2])
	h, ok := in.Handlers[path]
	if !ok {
		return nil, contract.Errorf(contract.Unimplemented, "not %s", path)
	}
	message, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	out, err := h.InvokeWire(guest.With(ctx, env), contract.JSON, message, nil)
	guest.LogPanic(ctx, log, path, err)
	return out, err
}

// prefixed writes lines to standard error.
type prefixed struct{}

// Write implements io.Writer.
func (prefixed) Write(b []byte) (int, error) {
	if _, err := os.Stderr.Write(append([]byte("warn: "), bytes.TrimSpace(b)...)); err != nil {
		return 0, err
	}
	fmt.Fprintln(os.Stderr)
	return len(b), nil
}
