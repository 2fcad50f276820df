//go:build !wasip1

package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/internal/guest"
)

const (
	offerTimeout = 5 * time.Second // of a question that has no context
	stopTimeout  = 2 * time.Second // of Stop when the host has gone without a word
)

// Main serves the registered plugin to the host that started this program, and exits.
// It is the only statement of a plugin's main function.
//
// If the environment variable PLUGSTEAD_LISTEN is set and no host has started it, the program
// makes a Unix socket there and serves whoever connects, each with an instance of its own. So
// a plugin runs in a debugger: dlv debug ./plugin. Its application gets the socket in
// PLUGSTEAD_ATTACH, as ID=PATH.
func Main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run() error {
	if path := os.Getenv("PLUGSTEAD_LISTEN"); path != "" && os.Getenv("PLUGSTEAD_IN") == "" {
		return listen(path)
	}
	in, out, err := pipes()
	if err != nil {
		return err
	}
	return serve(in, out, &guest.Linked, os.Getenv("PLUGSTEAD_PLUGIN"))
}

// pipes opens what the host has passed on.
func pipes() (in, out *os.File, err error) {
	a, err1 := descriptor("PLUGSTEAD_IN")
	b, err2 := descriptor("PLUGSTEAD_OUT")
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, fmt.Errorf("this program is a plugin and is started by its application: %w", err)
	}
	if in, err = inherited(a, "host"); err != nil || a == b {
		return in, in, err
	}
	out, err = inherited(b, "host")
	return in, out, err
}

func descriptor(name string) (uintptr, error) {
	s := os.Getenv(name)
	if s == "" {
		return 0, fmt.Errorf("%s is not set", name)
	}
	fd, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return uintptr(fd), os.Unsetenv(name) // programs that the plugin starts are not it
}

// server is one plugin at the end of a connection.
type server struct {
	reg  *guest.Registration
	mux  *frame.Mux
	base context.Context // of everything the plugin does

	opening bool                   // by the reading goroutine
	pace    map[string]*frame.Pace // by path of method
	ready   chan struct{}          // closed when open has ended
	plugin  *guest.Served          // after ready: nil if open failed
	stopped chan error             // gets the end of a stop
}

var errNoPlugin = contract.Errorf(contract.FailedPrecondition, "the plugin is not open")

// serve speaks the process protocol until the host stops the plugin or goes away. The
// error says why the connection ended before a stop; the end of the host is none.
func serve(in, out *os.File, g *guest.Registry, id string) error {
	reg, err := g.Pick(id)
	if err != nil {
		return err
	}
	base, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &server{reg: reg, mux: frame.NewMux(in, out), base: base, ready: make(chan struct{}), stopped: make(chan error, 1), pace: map[string]*frame.Pace{}}
	for _, m := range reg.Methods {
		s.pace[m.Path()] = new(frame.Pace)
	}
	s.mux.On = s.take
	hello := frame.NewBuf(frame.Hello)
	if hello.B, err = contract.CBOR.Append(hello.B, reg.Hello()); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if err := s.mux.Send(base, hello); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.mux.Run() }()
	select {
	case err := <-s.stopped:
		return err
	case err := <-ended:
		cancel()
		s.abandon()
		if errors.Is(err, frame.ErrProtocol) {
			return err
		}
		return nil
	}
}

// abandon stops the plugin after its host has gone.
func (s *server) abandon() {
	select {
	case <-s.ready:
	default:
		return
	}
	if s.plugin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.plugin.Lifecycle(ctx, frame.Stop, nil) // nobody is left to hear of it
		}()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

// take starts what a frame of the host asks for.
func (s *server) take(b *frame.Buf) error {
	switch b.Type() {
	case frame.Call:
		return s.takeCall(b)
	case frame.StreamOpen:
		return s.takeStream(b)
	}
	left, rest, err := frame.ParseTimeout(b.Body())
	if err != nil {
		b.Free()
		return err
	}
	switch t := b.Type(); t {
	case frame.Open, frame.Ping, frame.Configure, frame.Quiesce, frame.Stop:
	default:
		b.Free()
		return fmt.Errorf("%w: unexpected frame: %s", frame.ErrProtocol, t)
	}
	if b.Type() == frame.Open {
		if s.opening {
			b.Free()
			return fmt.Errorf("%w: a second open request", frame.ErrProtocol)
		}
		s.opening = true
	}
	ctx, err := s.mux.Begin(s.base, b.ID(), left)
	if err != nil || ctx == nil {
		b.Free()
		return err
	}
	go func() {
		defer b.Free()
		if b.Type() == frame.Open {
			s.open(ctx, b)
			return
		}
		s.lifecycle(ctx, b.Type(), b.ID(), rest)
	}()
	return nil
}

func (s *server) open(ctx context.Context, b *frame.Buf) {
	_, config, m, err := frame.ParseOpen(b.Body(), contract.CBOR)
	if err == nil && m.Plugin != s.reg.ID {
		err = contract.Errorf(contract.NotFound, "this program runs plugin %s, not %.200s", s.reg.ID, m.Plugin)
	}
	if err == nil {
		s.plugin, err = s.reg.Serve(ctx, newEnv(s, m, s.log), m, config)
	}
	close(s.ready) // before the answer: the host may ask at once after it
	s.answer(b.ID(), err)
}

func (s *server) answer(id uint64, err error) {
	if err != nil {
		s.mux.ReplyError(id, err)
		return
	}
	s.mux.Reply(id, frame.NewBuf(frame.Answer))
}

// opened returns the plugin, or an error while or after open has not succeeded.
func (s *server) opened() (*guest.Served, error) {
	select {
	case <-s.ready:
		if s.plugin != nil {
			return s.plugin, nil
		}
	default:
	}
	return nil, errNoPlugin
}

func (s *server) lifecycle(ctx context.Context, t frame.Type, id uint64, rest []byte) {
	p, err := s.opened()
	if t == frame.Stop {
		s.stop(ctx, p, id)
		return
	}
	if err == nil {
		err = p.Lifecycle(ctx, t, rest)
	}
	s.answer(id, err)
}

// stop waits for the calls in flight, stops the plugin and lets serve return.
func (s *server) stop(ctx context.Context, p *guest.Served, id uint64) {
	err := s.mux.Drain(ctx, 1) // the stop request itself
	if p != nil {
		err = errors.Join(err, p.Lifecycle(ctx, frame.Stop, nil))
	}
	s.answer(id, err)
	s.stopped <- s.mux.Drain(s.base, 0)
}

func (s *server) takeCall(b *frame.Buf) error {
	h, message, err := frame.ParseCall(b.Body())
	if err != nil {
		b.Free()
		return err
	}
	ctx, err := s.mux.Begin(s.base, b.ID(), h.Timeout)
	if err != nil || ctx == nil {
		b.Free()
		return err
	}
	pace := s.pace[string(h.Path)]
	s.mux.Serve(pace != nil && pace.Quick(), func() { s.call(ctx, b, h, message, pace) })
	return nil
}

func (s *server) call(ctx context.Context, b *frame.Buf, h frame.CallHeader, message []byte, pace *frame.Pace) {
	defer b.Free()
	id, answered := b.ID(), false
	defer func() {
		if !answered { // the handler has ended its goroutine
			s.mux.ReplyError(id, contract.Errorf(contract.Internal, "%s ended without an answer", h.Path).Because(contract.ReasonPanic))
		}
	}()
	p, err := s.opened()
	out := frame.NewBuf(frame.Answer)
	if err == nil {
		begin := time.Now()
		var body []byte
		if body, err = p.Call(ctx, h, message, out.B); err == nil {
			out.B = body
		}
		if pace != nil {
			pace.Took(time.Since(begin))
		}
	}
	answered = true
	if err != nil {
		out.Free()
		s.mux.ReplyError(id, err)
		return
	}
	s.mux.Reply(id, out)
}

// header begins a frame that calls m.
func (s *server) header(ctx context.Context, f frame.Type, t frame.Target, peer string, m *contract.Method) *frame.Buf {
	b := frame.NewBuf(f)
	left, parent := frame.Left(ctx), s.mux.Parent(ctx)
	if t == frame.Receiver {
		b.B = frame.AppendCall(b.B, left, parent, m.Path())
	} else {
		b.B = frame.AppendPeerCall(b.B, t, left, parent, peer, m)
	}
	b.B = frame.AppendTrace(b.B, frame.HeaderSize, ctx)
	return b
}

// hostGone says an error of the connection in the words of calls.
func hostGone(err error) error {
	if errors.Is(err, frame.ErrClosed) || errors.Is(err, frame.ErrLost) {
		return contract.Errorf(contract.Unavailable, "the host is gone: %w", err)
	}
	return err
}

// carry implements carrier.
func (s *server) carry(ctx context.Context, t frame.Target, peer string, m *contract.Method, add func([]byte) ([]byte, error), take func([]byte) error) error {
	b := s.header(ctx, frame.Call, t, peer, m)
	body, err := add(b.B)
	if err != nil {
		b.Free()
		return err
	}
	b.B = body
	answer, err := s.mux.Do(ctx, b)
	if err != nil {
		return hostGone(err)
	}
	defer answer.Free()
	return take(answer.Body())
}

// log sends a record. What does not fit into the pipe in time is not worth waiting for.
func (s *server) log(m *frame.LogMessage) {
	b := frame.NewBuf(frame.Log)
	body, err := contract.CBOR.Append(b.B, m)
	if err != nil || len(body) > frame.HeaderSize+frame.MaxLog {
		b.Free()
		return
	}
	b.B = body
	_ = s.mux.Send(s.base, b) // with the connection the log ends too
}
