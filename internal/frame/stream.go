package frame

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/plugstead/plugstead/contract"
)

// The rules of flow: a message costs its size and MessageCost more, and is sent while
// the window of its direction is above zero. See docs/spec/process-protocol.md.
const (
	Window      = 256 << 10
	MessageCost = 64
)

// Sides of a stream, as the frames say it.
const (
	openedHere  byte = 0 // by the sender of the frame
	openedThere byte = 1 // by its receiver
)

// Messages writes and reads the messages of one stream.
type Messages struct {
	Append func(b []byte, msg any) ([]byte, error)
	Decode func(b []byte, msg any) error // must not keep b
	Limit  int                           // of one encoded message that is received, in bytes
}

// Stream is one end of a stream. It implements contract.Stream: one goroutine may send
// while another receives. The end that serves is closed by [Mux.Reply] and
// [Mux.ReplyError] only.
type Stream struct {
	m     *Mux
	id    uint64
	own   bool // opened by this side
	ctx   context.Context
	x     Messages
	told  func(error) error // says errors of the connection in the words of calls
	ended func()            // called once, when the stream has ended; may be nil

	readable, writable chan struct{} // get a value when there is something new

	mu       sync.Mutex
	queue    []*Buf // received and not yet read
	window   int    // what the other side may still send
	read     int    // cost of what was read and not yet given back
	credit   int    // what this side may still send
	closed   bool   // this side sends no more
	finished bool   // the other side sends no more
	over     bool
	err      error       // how it ended, with over; nil: in good order
	stop     func() bool // of the watch over ctx
}

var _ contract.Stream = (*Stream)(nil)

func newStream(m *Mux, ctx context.Context, own bool, x Messages) *Stream {
	return &Stream{
		m: m, own: own, ctx: ctx, x: x, window: Window, credit: Window,
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
	}
}

// OpenStream sends b, a stream request, and frees it. The stream lives until the other
// side answers, until Close, or until ctx is done; then ended is called once, if it is
// not nil. Errors are those of [Mux.Do]; ended is not called with one. told turns the
// errors of the stream, which are those of Mux.Do too, into what Recv returns.
func (m *Mux) OpenStream(ctx context.Context, b *Buf, x Messages, told func(error) error, ended func()) (*Stream, error) {
	defer b.Free()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := newStream(m, ctx, true, x)
	s.told = told
	id, err := m.begin(&waiter{ctx: ctx, stream: s})
	if err != nil {
		return nil, err
	}
	s.id = id
	if err = b.seal(id); err == nil {
		err = m.w.send(ctx, b.B)
	}
	if err != nil {
		m.forget(id)
		return nil, unsent(ctx, b, err)
	}
	s.watch(ended)
	return s, nil
}

// watch ends the stream with its context. From now on ended is called.
func (s *Stream) watch(ended func()) {
	stop := context.AfterFunc(s.ctx, func() { s.giveUp(s.ctx.Err()) })
	s.mu.Lock()
	s.ended, s.stop = ended, stop
	over := s.over
	s.mu.Unlock()
	if over {
		stop()
		if ended != nil {
			ended()
		}
	}
}

// Accept makes the serving end of the stream request id, after [Mux.Begin] gave ctx. It
// is called by On, so that the stream is there before its first message.
func (m *Mux) Accept(ctx context.Context, id uint64, x Messages) *Stream {
	s := newStream(m, ctx, false, x)
	s.id = id
	m.mu.Lock()
	defer m.mu.Unlock()
	if w, ok := m.serving[id]; ok {
		w.stream = s
		m.serving[id] = w
	}
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// finish ends the stream; the first end counts. What was received before it can still
// be read.
func (s *Stream) finish(err error) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over, s.err = true, err
	ended, stop := s.ended, s.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	signal(s.readable)
	signal(s.writable)
	if ended != nil && stop != nil {
		ended()
	}
}

// answered ends the stream with the answer of the other side, nil for a lost connection.
func (s *Stream) answered(b *Buf) {
	b, err := s.m.open(b)
	b.Free()
	s.finish(s.told(err))
}

// giveUp ends an own stream before its answer.
func (s *Stream) giveUp(err error) {
	if s.m.forget(s.id) {
		s.m.sendCancel(s.id)
	}
	s.drop()
	s.finish(contract.AsError(err))
}

// drop forgets what was received.
func (s *Stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.queue {
		b.Free()
	}
	s.queue = nil
}

func (s *Stream) side() byte {
	if s.own {
		return openedHere
	}
	return openedThere
}

func (s *Stream) frame(t Type) *Buf {
	b := NewBuf(t)
	b.B = append(b.B, s.side())
	return b
}

var (
	errSendClosed = contract.Errorf(contract.FailedPrecondition, "stream: Send after CloseSend")
	errGivenUp    = contract.Errorf(contract.Canceled, "stream: closed")
)

// Send implements contract.Stream. It waits while the other side does not read.
func (s *Stream) Send(msg any) error {
	b := s.frame(Message)
	defer b.Free()
	at := len(b.B)
	body, err := s.x.Append(b.B, msg)
	if err != nil {
		return err
	}
	b.B = body
	if err := s.take(MessageCost + len(body) - at); err != nil {
		return err
	}
	return s.put(b)
}

// put sends a frame of the stream. With the connection the stream ends too.
func (s *Stream) put(b *Buf) error {
	if err := b.seal(s.id); err != nil {
		return err
	}
	if err := s.m.w.send(s.ctx, b.B); err != nil {
		if s.ctx.Err() != nil {
			return contract.AsError(s.ctx.Err())
		}
		return io.EOF // Recv says why
	}
	return nil
}

// take waits for credit and uses it.
func (s *Stream) take(cost int) error {
	for {
		s.mu.Lock()
		switch {
		case s.closed:
			s.mu.Unlock()
			return errSendClosed
		case s.over:
			s.mu.Unlock()
			return io.EOF
		case s.credit > 0:
			s.credit -= cost
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-s.writable:
		case <-s.ctx.Done():
			return contract.AsError(s.ctx.Err())
		}
	}
}

// Recv implements contract.Stream.
func (s *Stream) Recv(msg any) error {
	b, give, err := s.next()
	if err != nil {
		return err
	}
	defer b.Free()
	if give > 0 {
		c := s.frame(Credit)
		c.B = binary.LittleEndian.AppendUint32(c.B, uint32(give))
		_ = s.put(c) // a lost connection is seen by the next Recv
		c.Free()
	}
	return s.x.Decode(b.Body()[1:], msg)
}

// next waits for a message; give is the credit that is due.
func (s *Stream) next() (b *Buf, give int, err error) {
	for {
		s.mu.Lock()
		switch {
		case len(s.queue) > 0:
			b, s.queue[0] = s.queue[0], nil
			s.queue = s.queue[1:]
			if s.read += cost(b); s.read >= Window/2 && !s.over && !s.finished {
				give, s.read = s.read, 0
				s.window += give
			}
			s.mu.Unlock()
			return b, give, nil
		case s.over && s.err != nil:
			err = s.err
		case s.over || s.finished:
			err = io.EOF
		}
		s.mu.Unlock()
		if err != nil {
			return nil, 0, err
		}
		select {
		case <-s.readable:
		case <-s.ctx.Done():
			return nil, 0, contract.AsError(s.ctx.Err())
		}
	}
}

func cost(b *Buf) int { return MessageCost + len(b.Body()) - 1 }

// CloseSend implements contract.Stream. The serving end has nothing to send: its answer
// is its end.
func (s *Stream) CloseSend() error {
	s.mu.Lock()
	skip := s.closed || s.over
	s.closed = true
	s.mu.Unlock()
	if skip || !s.own {
		return nil
	}
	b := s.frame(End)
	defer b.Free()
	_ = s.put(b) // with the connection the stream has ended
	return nil
}

// Close implements contract.Stream: it gives up a stream that this side has opened.
func (s *Stream) Close() error {
	if s.own {
		s.giveUp(errGivenUp)
	}
	return nil
}

// receive takes a frame of this stream and owns it. Errors wrap [ErrProtocol].
func (s *Stream) receive(b *Buf) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		b.Free()
		return nil
	}
	switch t, body := b.Type(), b.Body()[1:]; {
	case t == Message && !s.finished && s.window > 0 && len(body) <= s.x.Limit:
		s.window -= cost(b)
		s.queue = append(s.queue, b)
		signal(s.readable)
		return nil
	case t == End && !s.own && !s.finished && len(body) == 0:
		s.finished = true
		signal(s.readable)
	case t == Credit && len(body) == 4 && s.raise(binary.LittleEndian.Uint32(body)):
		signal(s.writable)
	default:
		err := fmt.Errorf("%w: stream %d: bad %s frame of %d bytes", ErrProtocol, s.id, t, len(body))
		b.Free()
		return err
	}
	b.Free()
	return nil
}

// raise is called with mu held.
func (s *Stream) raise(n uint32) bool {
	if int64(s.credit)+int64(n) > Window {
		return false
	}
	s.credit += int(n)
	return true
}

// stream hands a frame to its stream and owns it. One whose stream has ended is skipped.
func (m *Mux) stream(b *Buf) error {
	body, id := b.Body(), b.ID()
	if len(body) == 0 || body[0] > openedThere {
		b.Free()
		return fmt.Errorf("%w: stream frame without a side", ErrProtocol)
	}
	s, err := m.findStream(id, body[0] == openedThere)
	if s == nil {
		b.Free()
		return err
	}
	return s.receive(b)
}

var errNoStream = errors.New("is no stream")

func (m *Mux) findStream(id uint64, own bool) (s *Stream, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var open bool
	last := m.last
	if own {
		w := m.waiting[id]
		if open = w != nil; open {
			s = w.stream
		}
		last = m.next
	} else {
		var w work
		w, open = m.serving[id]
		s = w.stream
	}
	if id == 0 || id > last || open && s == nil {
		return nil, fmt.Errorf("%w: request %d %w", ErrProtocol, id, errNoStream)
	}
	return s, nil
}

// MessagesOf returns the messages of m in codec c. bad is the code of one that cannot be
// read: InvalidArgument where it is a request, Internal where it is an answer.
func MessagesOf(m *contract.Method, c contract.Codec, bad contract.Code) Messages {
	return Messages{
		Append: func(b []byte, msg any) ([]byte, error) {
			at := len(b)
			b, err := c.Append(b, msg)
			if err != nil {
				return nil, contract.Errorf(contract.InvalidArgument, "%s: message: %w", m.Path(), err)
			}
			return b, m.CheckSize(len(b) - at)
		},
		Decode: func(b []byte, msg any) error {
			if err := c.Decode(b, msg); err != nil {
				return contract.Errorf(bad, "%s: message: %w", m.Path(), err)
			}
			return nil
		},
		Limit: m.Limit(),
	}
}

// CheckStream returns an Unimplemented error if m is no stream, and a FailedPrecondition
// error if its caller takes it for another kind of method than it is.
func CheckStream(m *contract.Method, theirs contract.Kind) error {
	if m.Kind() == contract.KindUnary {
		return contract.Errorf(contract.Unimplemented, "%s is no stream", m.Path())
	}
	if m.Kind() == theirs {
		return nil
	}
	return contract.Errorf(contract.FailedPrecondition, "%s is a %s, and was called as a %s", m.Path(), m.Kind(), theirs).Because(contract.ReasonMismatch)
}
