package frame

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/plugstead/plugstead/contract"
)

// Errors of requests whose connection ended.
var (
	ErrClosed = errors.New("connection closed")      // before: the request was not sent
	ErrLost   = errors.New("connection lost")        // after: the other side may have acted
	errBusy   = errors.New("too many calls at once") // of the other side
)

// MaxServing is how many requests of the other side are served at once; more are
// refused with a ResourceExhausted error.
const MaxServing = 4096

// readSize lets a message of 64 KiB arrive in one piece.
const readSize = 80 << 10

// Mux carries requests of both sides over one connection. Set On before [Mux.Run].
// All methods are safe for concurrent use.
type Mux struct {
	// On takes every frame that is no answer and no cancellation, and frees it. It is
	// called by Run, one frame after the other, and must not wait for answers but in
	// [Mux.Serve]. An error ends the connection.
	On func(*Buf) error

	r     *bufio.Reader
	w     *writer
	turns turns
	codec contract.Codec // of errors

	waiters sync.Pool // of this Mux alone: channels do not cross bubbles of testing/synctest

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]*waiter
	serving map[uint64]work
	last    uint64 // highest id of the other side's requests
	err     error  // why the connection ended

	draining bool
	changed  chan struct{} // while draining: closed when serving has shrunk
}

// waiter is a request that waits for its answer.
type waiter struct {
	ctx    context.Context
	answer chan *Buf // gets nil when the connection ended
	stream *Stream   // gets the answer in place of the channel; or nil
}

func (w *waiter) give(answer *Buf) {
	if w.stream != nil {
		w.stream.answered(answer)
		return
	}
	w.answer <- answer
}

// work is a request of the other side.
type work struct {
	cancel context.CancelFunc
	stream *Stream // nil if it is none
}

// NewMux makes a Mux over r and w, which stay the caller's to close. Errors travel in
// CBOR until [Mux.Speak] says otherwise.
func NewMux(r io.Reader, w io.Writer) *Mux {
	m := &Mux{
		r: bufio.NewReaderSize(r, readSize), w: newWriter(w), codec: contract.CBOR,
		waiting: map[uint64]*waiter{}, serving: map[uint64]work{},
	}
	m.turns.timer = time.AfterFunc(time.Hour, m.tick)
	m.turns.timer.Stop()
	return m
}

// Speak sets the codec of errors. It is called by On at the latest when it gets the
// first frame.
func (m *Mux) Speak(c contract.Codec) { m.codec = c }

// Run reads frames until the connection ends, then ends every request in flight. It
// returns why: io.EOF if the other side closed between two frames.
func (m *Mux) Run() error {
	m.turns.ended = make(chan error, 1)
	m.handOver() // what is served there may end its goroutine, not this one
	err := <-m.turns.ended
	m.End(err)
	return err
}

// read returns when the connection ends or t is lost.
func (m *Mux) read(t *turn) error {
	for t.state.Load() != lost {
		b, err := Read(m.r)
		if err != nil {
			return err
		}
		switch t := b.Type(); {
		case t == Answer || t == Fail:
			if err := m.deliver(b); err != nil {
				return err
			}
		case t == Cancel:
			m.cancel(b.ID())
			b.Free()
		case t == Message || t == End || t == Credit:
			if err := m.stream(b); err != nil {
				return err
			}
		case t >= FirstIgnored:
			b.Free()
		default:
			if err := m.On(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// End ends every request in flight, in both directions. Later ones fail at once.
func (m *Mux) End(err error) {
	for _, w := range m.end(err) {
		w.give(nil)
	}
}

// end returns the own requests that nobody answers any more.
func (m *Mux) end(err error) []*waiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil
	}
	m.err = err
	m.w.fail(err)
	lost := slices.Collect(maps.Values(m.waiting))
	clear(m.waiting)
	for _, w := range m.serving {
		w.cancel()
	}
	clear(m.serving)
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
		m.draining = false
	}
	return lost
}

// Send sends a frame that nobody answers, and frees it.
func (m *Mux) Send(ctx context.Context, b *Buf) error {
	defer b.Free()
	if err := b.seal(0); err != nil {
		return err
	}
	return m.w.send(ctx, b.B)
}

// Do sends a request, frees it, and waits for the answer, which the caller frees. A
// fail frame becomes an *contract.Error. Other errors: that of ctx, [ErrClosed],
// [ErrLost].
func (m *Mux) Do(ctx context.Context, b *Buf) (*Buf, error) {
	defer b.Free()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := m.waiter(ctx)
	defer func() {
		w.ctx = nil
		m.waiters.Put(w)
	}()
	id, err := m.begin(w)
	if err != nil {
		return nil, err
	}
	if err = b.seal(id); err == nil {
		err = m.w.send(ctx, b.B)
	}
	if err != nil {
		if !m.forget(id) { // the connection ended meanwhile
			(<-w.answer).Free()
		}
		return nil, unsent(ctx, b, err)
	}
	select {
	case answer := <-w.answer:
		return m.open(answer)
	case <-ctx.Done():
	}
	if !m.forget(id) { // the answer came first
		answer := <-w.answer
		return m.open(answer)
	}
	m.sendCancel(id)
	return nil, ctx.Err()
}

// unsent says why b was not sent: an error of ctx, or of its size, or the connection ended.
func unsent(ctx context.Context, b *Buf, err error) error {
	if isTooLarge(b) || err == ctx.Err() {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

func isTooLarge(b *Buf) bool { return len(b.B)-lengthSize > MaxSize }

func (m *Mux) waiter(ctx context.Context) *waiter {
	w, ok := m.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{answer: make(chan *Buf, 1)}
	}
	w.ctx = ctx
	return w
}

func (m *Mux) begin(w *waiter) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, fmt.Errorf("%w: %w", ErrClosed, m.err)
	}
	m.next++
	m.waiting[m.next] = w
	return m.next, nil
}

// forget reports whether id was still waiting.
func (m *Mux) forget(id uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.waiting[id]
	delete(m.waiting, id)
	return ok
}

func (m *Mux) sendCancel(id uint64) {
	b := NewBuf(Cancel)
	defer b.Free()
	if b.seal(id) == nil {
		_ = m.w.post(b.B) // a lost connection cancels by itself
	}
}

// deliver hands an answer to who waits for it. Nobody may: the request was cancelled.
func (m *Mux) deliver(b *Buf) error {
	id := b.ID()
	m.mu.Lock()
	w, ok := m.waiting[id]
	delete(m.waiting, id)
	issued := id > 0 && id <= m.next
	m.mu.Unlock()
	switch {
	case ok:
		w.give(b)
	case !issued:
		b.Free()
		return fmt.Errorf("%w: answer to request %d, which was never made", ErrProtocol, id)
	default:
		b.Free()
	}
	return nil
}

func (m *Mux) open(b *Buf) (*Buf, error) {
	if b == nil {
		return nil, ErrLost
	}
	if b.Type() == Fail {
		err := ParseError(b.Body(), m.codec)
		b.Free()
		return nil, err
	}
	return b, nil
}

// Context returns the context of the own request id while it is in flight, else nil.
func (m *Mux) Context(id uint64) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.waiting[id]; w != nil {
		return w.ctx
	}
	return nil
}

// Begin makes the context of a request of the other side: it ends after left, unless
// left is zero, when the other side cancels, and when the connection ends. [Mux.Parent]
// finds id in it. Every Begin without error is followed by one Reply or ReplyError. A
// bad id gives an error that wraps [ErrProtocol]; too many requests are answered here
// and give a nil context, as long as the other side reads what it is answered.
func (m *Mux) Begin(ctx context.Context, id uint64, left time.Duration) (context.Context, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.serving[id]; ok || id == 0 {
		return nil, fmt.Errorf("%w: request %d is no new request", ErrProtocol, id)
	}
	if m.err != nil {
		return nil, m.err
	}
	m.last = max(m.last, id)
	if len(m.serving) >= MaxServing {
		return nil, m.refuse(id)
	}
	ctx = &served{ctx, m, id}
	var cancel context.CancelFunc
	if left > 0 {
		ctx, cancel = context.WithTimeout(ctx, left)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	m.serving[id] = work{cancel: cancel}
	return ctx, nil
}

// refuse answers a request that is one too many, and waits for nobody: who makes many of them
// and does not read the answers breaks the protocol.
func (m *Mux) refuse(id uint64) error {
	b := NewBuf(Fail)
	defer b.Free()
	b.B = AppendError(b.B, m.codec, contract.Errorf(contract.ResourceExhausted, "%w", errBusy))
	if err := b.seal(id); err != nil {
		return err
	}
	if !m.w.refuse(b.B) {
		return fmt.Errorf("%w: %w, and their answers are not read", ErrProtocol, errBusy)
	}
	return nil
}

// served is a context that knows its request.
type served struct {
	context.Context
	m  *Mux
	id uint64
}

type parentKey struct{ m *Mux }

// Value finds s for [Mux.Parent].
func (s *served) Value(key any) any {
	if k, ok := key.(parentKey); ok && k.m == s.m {
		return s
	}
	return s.Context.Value(key)
}

// Parent returns the id of the other side's request within which ctx was made, or zero.
func (m *Mux) Parent(ctx context.Context) uint64 {
	if s, ok := ctx.Value(parentKey{m}).(*served); ok {
		return s.id
	}
	return 0
}

func (m *Mux) cancel(id uint64) {
	m.mu.Lock()
	w, ok := m.serving[id]
	m.mu.Unlock()
	if ok {
		w.cancel()
	}
}

// Drain waits until at most n requests of the other side are in flight, and until
// their answers are written. It returns an error of ctx or of the connection.
func (m *Mux) Drain(ctx context.Context, n int) error {
	for {
		m.mu.Lock()
		if m.draining = true; m.changed == nil {
			m.changed = make(chan struct{})
		}
		few, changed, err := len(m.serving) <= n, m.changed, m.err
		m.mu.Unlock()
		if err != nil {
			return err
		}
		if few {
			return m.w.drain(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Reply answers request id with b, made by NewBuf(Answer), and frees it.
func (m *Mux) Reply(id uint64, b *Buf) {
	defer b.Free()
	err := b.seal(id)
	if err != nil {
		m.ReplyError(id, contract.Errorf(contract.ResourceExhausted, "%w", err).Because(contract.ReasonTooLarge))
		return
	}
	m.deliverReply(b)
	m.finish(id)
}

// ReplyError answers request id with an error.
func (m *Mux) ReplyError(id uint64, err error) {
	m.reply(id, Fail, func(b []byte) []byte { return AppendError(b, m.codec, err) })
	m.finish(id)
}

// ReplyEnd answers request id with an empty answer, or with err.
func (m *Mux) ReplyEnd(id uint64, err error) {
	if err != nil {
		m.ReplyError(id, err)
		return
	}
	m.Reply(id, NewBuf(Answer))
}

func (m *Mux) reply(id uint64, t Type, body func([]byte) []byte) {
	b := NewBuf(t)
	defer b.Free()
	b.B = body(b.B)
	if b.seal(id) == nil {
		m.deliverReply(b)
	}
}

// deliverReply sends an answer. If that fails the connection has ended, and the other
// side knows.
func (m *Mux) deliverReply(b *Buf) { _ = m.w.send(context.Background(), b.B) }

func (m *Mux) finish(id uint64) {
	m.mu.Lock()
	w, ok := m.serving[id]
	delete(m.serving, id)
	if m.draining {
		close(m.changed)
		m.changed = make(chan struct{})
	}
	m.mu.Unlock()
	if !ok {
		return
	}
	w.cancel()
	if w.stream != nil {
		w.stream.finish(nil)
		w.stream.drop()
	}
}
