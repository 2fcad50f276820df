package inproc_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/sdk"
)

var (
	endlessPoint = contract.Define("plugstead.test/endless", 1, 0)
	endlessWatch = contract.ServerStream[probe.Number, probe.Number](endlessPoint, "Watch")
)

func init() {
	sdk.Register("plugstead-test/endless", endlessWatch.Handle(func(ctx context.Context, _ probe.Number) iter.Seq2[probe.Number, error] {
		return func(yield func(probe.Number, error) bool) {
			yield(probe.Number{N: 1}, nil)
			<-ctx.Done()
		}
	}))
}

// TestCloseEndsStreams: a stream that outlasts Stop ends with Close, as one of a plugin in a
// process does, and its handler too.
func TestCloseEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/endless"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := in.Stream(context.Background(), endlessWatch.Method)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Send(new(probe.Number)), s.CloseSend(), s.Recv(new(probe.Number))); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Stop(ctx); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Recv(new(probe.Number)) }()
		select {
		case err := <-ended:
			if e := contract.AsError(err); e.Code != contract.Unavailable || e.Reason != contract.ReasonCrashed {
				t.Errorf("stream: %v", err)
			}
		case <-time.After(time.Hour):
			t.Error("the stream goes on")
			s.Close()
			<-ended
		}
		synctest.Wait()
	})
}
