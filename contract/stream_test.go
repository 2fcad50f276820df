package contract_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/contract"
)

// pipe is one end of a stream in memory. Messages are pointers, as the interface says.
type pipe struct {
	out, in  *half
	over     *half // ends when one side gives up both directions
	sendFail error // of the next Send
}

// half carries messages in one direction.
type half struct {
	messages chan any
	end      chan struct{} // closed with err set
	once     sync.Once
	err      error
}

func newHalf() *half { return &half{messages: make(chan any), end: make(chan struct{})} }

func (h *half) finish(err error) { h.once.Do(func() { h.err = err; close(h.end) }) }

func (p *pipe) Send(msg any) error {
	if err := p.sendFail; err != nil {
		return err
	}
	select {
	case p.out.messages <- msg:
		return nil
	case <-p.out.end:
		return io.EOF
	case <-p.over.end:
		return io.EOF
	}
}

func (p *pipe) Recv(msg any) error {
	select {
	case m := <-p.in.messages:
		reflect.ValueOf(msg).Elem().Set(reflect.ValueOf(m).Elem())
		return nil
	case <-p.in.end:
		return p.in.err
	case <-p.over.end:
	}
	select {
	case <-p.in.end:
		return p.in.err
	default:
		return io.EOF
	}
}

func (p *pipe) CloseSend() error { p.out.finish(io.EOF); return nil }

func (p *pipe) Close() error {
	p.over.finish(io.EOF)
	return nil
}

// streams is a caller whose streams a handler serves.
type streams struct {
	h        contract.Handler
	open     error // instead of a stream
	sendFail error
	wg       sync.WaitGroup
}

func (s *streams) Invoke(context.Context, *contract.Method, any, any) error {
	return errors.New("no calls")
}
func (s *streams) Offers(m *contract.Method) bool { return m == s.h.Method }

func (s *streams) Stream(ctx context.Context, _ *contract.Method) (contract.Stream, error) {
	if s.open != nil {
		return nil, s.open
	}
	a, b, over := newHalf(), newHalf(), newHalf()
	s.wg.Go(func() {
		err := s.h.Serve(ctx, &pipe{out: b, in: a, over: over})
		if err == nil {
			err = io.EOF
		}
		b.finish(err)
		over.finish(io.EOF)
	})
	return &pipe{out: a, in: b, over: over, sendFail: s.sendFail}, nil
}

var (
	flow  = contract.Define("acme.dev/flow", 1, 0)
	count = contract.ServerStream[int, string](flow, "Count")
	sum   = contract.ClientStream[int, int](flow, "Sum")
	echo  = contract.BidiStream[string, string](flow, "Echo")

	single = contract.Unary[int, int](flow, "One")
)

var errTooMany = contract.Errorf(contract.ResourceExhausted, "too many")

// counter yields n answers; more than ten are an error after ten.
func counter(_ context.Context, n int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range n {
			if i == 10 {
				yield("", errTooMany)
				return
			}
			if !yield(fmt.Sprint(i), nil) {
				return
			}
		}
	}
}

func TestServerStream(t *testing.T) {
	for _, c := range []struct {
		n, stop int // how many are asked for, and read
		want    string
		err     error
	}{
		{0, 99, "", nil},
		{3, 99, "0 1 2", nil},
		{10, 99, "0 1 2 3 4 5 6 7 8 9", nil},
		{11, 99, "0 1 2 3 4 5 6 7 8 9", errTooMany},
		{5, 2, "0 1", nil},
	} {
		s := &streams{h: count.Handle(counter)}
		var got []string
		var end error
		for v, err := range count.Call(t.Context(), s, c.n) {
			if err != nil {
				if end != nil {
					t.Fatalf("%d: a second error: %v", c.n, err)
				}
				end = err
				continue // a loop that goes on sees no more
			}
			if got = append(got, v); len(got) == c.stop {
				break
			}
		}
		s.wg.Wait() // a loop that ends early ends the handler too
		if strings.Join(got, " ") != c.want || (end == nil) != (c.err == nil) || c.err != nil && contract.AsError(end).Code != contract.ResourceExhausted {
			t.Errorf("%d, %d: %v %v, want %s %v", c.n, c.stop, got, end, c.want, c.err)
		}
	}
}

func TestClientStream(t *testing.T) {
	adds := sum.Handle(func(_ context.Context, in iter.Seq2[int, error]) (int, error) {
		total := 0
		for v, err := range in {
			if err != nil {
				return 0, err
			}
			if total += v; total > 100 {
				return 0, errTooMany
			}
		}
		return total, nil
	})
	numbers := func(err error, list ...int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for _, v := range list {
				if !yield(v, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
	mine := errors.New("my own mistake")
	for name, c := range map[string]struct {
		in   iter.Seq2[int, error]
		want int
		code contract.Code // of the error
		text string
	}{
		"none":          {numbers(nil), 0, 0, ""},
		"some":          {numbers(nil, 1, 2, 3), 6, 0, ""},
		"refused":       {numbers(nil, 99, 2, 3, 4, 5, 6, 7), 0, contract.ResourceExhausted, "too many"},
		"caller's end":  {numbers(mine, 1), 0, contract.AsError(mine).Code, "my own mistake"},
		"caller's code": {numbers(contract.Errorf(contract.Aborted, "stop"), 1, 2), 0, contract.Aborted, "stop"},
	} {
		s := &streams{h: adds}
		got, err := sum.Call(t.Context(), s, c.in)
		s.wg.Wait()
		if got != c.want || (err == nil) != (c.text == "") || err != nil && (contract.AsError(err).Code != c.code || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %d %v, want %d %s", name, got, err, c.want, c.text)
		}
	}
}

// TestClientStreamWithoutAnswer is an error, though the stream ended as streams do.
func TestClientStreamWithoutAnswer(t *testing.T) {
	s := &streams{h: echo.Handle(func(context.Context, *contract.Duplex[string, string]) error { return nil })}
	_, err := sum.Call(t.Context(), s, func(func(int, error) bool) {})
	s.wg.Wait()
	if e := contract.AsError(err); err == nil || e.Code != contract.Internal || !strings.Contains(err.Error(), "/acme.dev/flow.v1/Sum: the stream ended without an answer") {
		t.Error(err)
	}
}

func TestBidiStream(t *testing.T) {
	twice := echo.Handle(func(_ context.Context, d *contract.Duplex[string, string]) error {
		for v, err := range d.All() {
			if err != nil {
				return err
			}
			if v == "panic" {
				panic("asked for it")
			}
			for range 2 {
				if err := d.Send(v); err != nil {
					return err
				}
			}
		}
		return d.Send("bye")
	})
	s := &streams{h: twice}
	d, err := echo.Call(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, word := range []string{"a", "b"} {
		if err := d.Send(word); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			v, err := d.Recv()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
	}
	if err := d.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for v, err := range d.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	s.wg.Wait()
	if want := []string{"a", "a", "b", "b", "bye"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := d.Send("late"); !errors.Is(err, io.EOF) {
		t.Errorf("sending behind the end: %v", err)
	}

	if d, err = echo.Call(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := d.Send("panic"); err != nil {
		t.Fatal(err)
	}
	_, err = d.Recv()
	s.wg.Wait()
	if e := contract.AsError(err); e.Code != contract.Internal || e.Reason != contract.ReasonPanic {
		t.Errorf("a handler that panics: %v", err)
	}

	if d, err = echo.Call(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s.wg.Wait() // the handler ends with its caller
	if err := d.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// TestStreamFailures cannot open a stream, or loses it at once.
func TestStreamFailures(t *testing.T) {
	gone := contract.Errorf(contract.Unavailable, "gone")
	closed := &streams{open: gone}
	broken := func() *streams {
		return &streams{h: count.Handle(counter), sendFail: contract.Errorf(contract.Unavailable, "line cut")}
	}
	calls := 0
	for _, err := range count.Call(t.Context(), closed, 1) {
		if calls++; contract.AsError(err).Code != contract.Unavailable {
			t.Error(err)
		}
	}
	s := broken()
	for _, err := range count.Call(t.Context(), s, 1) {
		if calls++; err == nil || !strings.Contains(err.Error(), "line cut") {
			t.Error(err)
		}
	}
	s.wg.Wait()
	if calls != 2 {
		t.Errorf("%d errors, want one of each", calls)
	}
	if _, err := sum.Call(t.Context(), closed, nil); contract.AsError(err).Code != contract.Unavailable {
		t.Error(err)
	}
	if d, err := echo.Call(t.Context(), closed); d != nil || contract.AsError(err).Code != contract.Unavailable {
		t.Error(d, err)
	}
}

// TestServeOtherKinds refuses to serve what is no stream, and nothing at all.
func TestServeOtherKinds(t *testing.T) {
	one := single.Handle(func(_ context.Context, n int) (int, error) { return n, nil })
	for name, c := range map[string]struct {
		h    contract.Handler
		want string
	}{"unary": {one, "/acme.dev/flow.v1/One is no stream"}, "empty": {contract.Handler{}, "empty handler is no stream"}} {
		err := c.h.Serve(t.Context(), &pipe{})
		if err == nil || contract.AsError(err).Code != contract.Unimplemented || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, handle := range map[string]func(){
		"server": func() { count.Handle(nil) }, "client": func() { sum.Handle(nil) }, "bidi": func() { echo.Handle(nil) },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "handled by a nil function") {
					t.Errorf("%s: %v", name, r)
				}
			}()
			handle()
		}()
	}
	if req, resp := count.Types(); req != reflect.TypeFor[int]() || resp != reflect.TypeFor[string]() {
		t.Errorf("types %v and %v", req, resp)
	}
	kinds := []string{one.Method.Kind().String(), count.Kind().String(), sum.Kind().String(), echo.Kind().String()}
	slices.Sort(kinds)
	if len(slices.Compact(kinds)) != 4 {
		t.Errorf("kinds %v", kinds)
	}
}
