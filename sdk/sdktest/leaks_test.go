package sdktest_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/sdk"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

// The plugin "sdktest/worker" starts goroutines in every way.
var (
	workPoint = contract.Define("plugstead.test/work", 1, 0)
	begin     = contract.Unary[string, string](workPoint, "Begin")
	flushed   = contract.Unary[string, int](workPoint, "Flushed")
	forever   = contract.ServerStream[string, string](workPoint, "Forever")
)

type workConfig struct{ Fail, Careless bool }

// worker flushes once a minute.
type worker struct {
	careless bool
	end      chan struct{}
	ended    chan struct{}
	count    chan int
}

func init() {
	sdk.RegisterType("sdktest/worker", openWorker,
		sdk.Unary(begin, (*worker).begin), sdk.Unary(flushed, (*worker).flushed), sdk.ServerStream(forever, (*worker).forever))
}

func openWorker(_ context.Context, _ *sdk.Env, c workConfig) (*worker, error) {
	w := &worker{careless: c.Careless, end: make(chan struct{}), ended: make(chan struct{}), count: make(chan int)}
	go w.loop()
	if c.Fail {
		return nil, contract.Errorf(contract.FailedPrecondition, "told to fail")
	}
	return w, nil
}

func (w *worker) loop() {
	defer close(w.ended)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-w.end:
			return
		case <-tick.C:
			n++
		case w.count <- n:
		}
	}
}

func (w *worker) begin(context.Context, string) (string, error) {
	go func() { <-w.end }()
	return "", nil
}

func (w *worker) flushed(context.Context, string) (int, error) { return <-w.count, nil }

func (w *worker) forever(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for yield("again", nil) {
		}
	}
}

// Stop implements sdk.Stopper.
func (w *worker) Stop(context.Context) error {
	if !w.careless {
		close(w.end)
		<-w.ended
	}
	return nil
}

func TestLeaks(t *testing.T) {
	for name, c := range map[string]struct {
		o    sdktest.Options
		call bool
		want []string
	}{
		"careful":             {call: true},
		"opened and forgot":   {o: sdktest.Options{Config: workConfig{Careless: true}}, want: []string{"plugin sdktest/worker left goroutines", "(*worker).loop"}},
		"called and forgot":   {o: sdktest.Options{Config: workConfig{Careless: true}}, call: true, want: []string{"(*worker).loop", "(*worker).begin.func1"}},
		"allowed":             {o: sdktest.Options{Config: workConfig{Careless: true}, KeepGoroutines: true}},
		"failed and careless": {o: sdktest.Options{Config: workConfig{Fail: true}}, want: []string{"which did not start, left goroutines", "(*worker).loop"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := watch(t, func(w testing.TB) {
				if strings.HasPrefix(name, "failed") {
					sdktest.StartError(w, "sdktest/worker", c.o)
					return
				}
				p := sdktest.Start(w, "sdktest/worker", c.o)
				if !c.call {
					return
				}
				if _, err := begin.Call(t.Context(), p, ""); err != nil {
					t.Error(err)
				}
				for range forever.Call(t.Context(), p, "") {
					break
				}
			})
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%s: want %q in %q", name, want, said)
				}
			}
			if len(c.want) == 0 && said != "" {
				t.Errorf("%s: %s", name, said)
			}
		})
	}
}

// TestLeaksAreOfOnePlugin: what the test itself or another plugin started is not blamed.
func TestLeaksAreOfOnePlugin(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	other := sdktest.Start(t, "sdktest/worker", sdktest.Options{})
	if said := watch(t, func(w testing.TB) {
		sdktest.Start(w, "sdktest/worker", sdktest.Options{})
		go func() { <-end }()
		if _, err := begin.Call(t.Context(), other, ""); err != nil {
			t.Error(err)
		}
	}); said != "" {
		t.Error(said)
	}
}

// TestClock: in a bubble of synctest the plugin's clock is the fake one.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sdktest.Start(t, "sdktest/worker", sdktest.Options{})
		time.Sleep(time.Hour + time.Second)
		if n, err := flushed.Call(t.Context(), p, ""); err != nil || n != 60 {
			t.Errorf("flushed %d times in an hour, %v", n, err)
		}
	})
}

// TestStopOnce: a test may stop the plugin before it ends.
func TestStopOnce(t *testing.T) {
	p := sdktest.Start(t, "sdktest/worker", sdktest.Options{})
	for range 2 {
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
