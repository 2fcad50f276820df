package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
)

var errWrong = errors.New("wrong answer")

// order numbers callbacks.
var order atomic.Int64

// once tells whether a callback comes for the first time, of the last some thousand.
type once struct {
	mu   sync.Mutex
	seen [1 << 14]int64
}

func (o *once) first(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	o.mu.Lock()
	defer o.mu.Unlock()
	place := &o.seen[n%int64(len(o.seen))]
	if err != nil || *place == n {
		return false
	}
	*place = n
	return true
}

// op is one thing that callers do.
type op struct {
	name string
	do   func(ctx context.Context, c contract.Caller, n int) error
}

var ops = []op{
	{"tiny", func(ctx context.Context, c contract.Caller, n int) error {
		out, err := probe.Tick.Call(ctx, c, probe.Tock{Text: fmt.Sprint(n)})
		return must(err, out.Text == fmt.Sprint(n))
	}},
	{"large", func(ctx context.Context, c contract.Caller, n int) error {
		in := bytes.Repeat([]byte{byte(n)}, 64<<10)
		out, err := probe.Echo.Call(ctx, c, probe.Message{Data: in})
		return must(err, bytes.Equal(out.Data, in))
	}},
	{"callback", func(ctx context.Context, c contract.Caller, n int) error {
		text := fmt.Sprint(order.Add(1))
		out, err := probe.Call.Call(ctx, c, probe.Text{Text: text})
		return must(err, out.Text == "found "+text)
	}},
	{"peer", func(ctx context.Context, c contract.Caller, n int) error {
		out, err := probe.Ask.Call(ctx, c, probe.Message{Number: int64(n), Renamed: testplugin.PeerID})
		return must(err, out.Number == int64(n))
	}},
	{"server stream", func(ctx context.Context, c contract.Caller, n int) error {
		return counted(probe.Count.Call(ctx, c, probe.Number{N: n}), n)
	}},
	{"client stream", func(ctx context.Context, c contract.Caller, n int) error {
		out, err := probe.Sum.Call(ctx, c, below(n))
		return must(err, out.N == n*(n-1)/2)
	}},
	{"bidi stream", bidi},
	{"stream of the host", func(ctx context.Context, c contract.Caller, n int) error {
		return counted(probe.Pull.Call(ctx, c, probe.Pulling{From: "host", N: n}), n)
	}},
	{"abandoned stream", func(ctx context.Context, c contract.Caller, n int) error {
		got := 0
		for _, err := range probe.Count.Call(ctx, c, probe.Number{N: probe.Endless}) {
			if err != nil {
				return err
			}
			if got++; got == n {
				break
			}
		}
		return nil
	}},
	{"cancelled", func(ctx context.Context, c contract.Caller, n int) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(n)*10*time.Microsecond)
		defer cancel()
		_, err := probe.Wait.Call(ctx, c, probe.Waiting{For: time.Minute})
		if errors.Is(err, contract.DeadlineExceeded) {
			return nil
		}
		return must(err, false)
	}},
}

func must(err error, right bool) error {
	if err == nil && !right {
		return errWrong
	}
	return err
}

func below(n int) iter.Seq2[probe.Number, error] {
	return func(yield func(probe.Number, error) bool) {
		for i := range n {
			if !yield(probe.Number{N: i}, nil) {
				return
			}
		}
	}
}

func counted(in iter.Seq2[probe.Number, error], n int) error {
	got := 0
	for v, err := range in {
		if err != nil {
			return err
		}
		if v.N != got {
			return errWrong
		}
		got++
	}
	return must(nil, got == n)
}

func bidi(ctx context.Context, c contract.Caller, n int) error {
	d, err := probe.Double.Call(ctx, c)
	if err != nil {
		return err
	}
	defer d.Close()
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := d.Send(probe.Number{N: i}); err != nil {
				sent <- err
				return
			}
		}
		sent <- d.CloseSend()
	}()
	got := 0
	for v, err := range d.All() {
		if err != nil {
			return err
		}
		if v.N != 2*got {
			return errWrong
		}
		got++
	}
	if err := <-sent; err != nil {
		return err
	}
	return must(nil, got == n)
}

func random() (op, int) { return ops[rand.IntN(len(ops))], 1 + rand.IntN(200) }
