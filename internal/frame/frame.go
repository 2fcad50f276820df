package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// Type says what a frame is.
type Type byte

// The types of frames.
const (
	Hello      Type = 1  // plugin to host, first frame: a [HelloMessage]
	Open       Type = 2  // host to plugin, request: start with this configuration
	Call       Type = 3  // request: call a method
	Answer     Type = 4  // a request succeeded
	Fail       Type = 5  // a request failed: a contract.Error
	Cancel     Type = 6  // the sender no longer waits for the request with this id
	Log        Type = 7  // plugin to host: a [LogMessage]
	Ping       Type = 8  // host to plugin, request: are you well?
	Configure  Type = 9  // host to plugin, request: take this configuration
	Quiesce    Type = 10 // host to plugin, request: release what only one instance can hold
	Stop       Type = 11 // host to plugin, request: finish the calls in flight, then exit
	StreamOpen Type = 12 // request: open a stream
	Message    Type = 13 // one message of a stream
	End        Type = 14 // the side that opened a stream sends no more messages
	Credit     Type = 15 // the sender takes so many bytes more of a stream
)

// FirstIgnored is the first of the types that a receiver skips when it does not know
// them. Other unknown types end the connection.
const FirstIgnored Type = 128

// String returns the word for t.
func (t Type) String() string {
	names := [...]string{"", "hello", "open", "call", "answer", "fail", "cancel", "log", "ping", "configure", "quiesce", "stop", "stream", "message", "end", "credit"}
	if t > 0 && int(t) < len(names) {
		return names[t]
	}
	return "type " + strconv.Itoa(int(t))
}

const (
	// HeaderSize is the number of bytes before the body: length, type and id.
	HeaderSize = 13
	// MaxSize is what the length field may say: type, id and body. It fits the largest
	// message and its call header.
	MaxSize = 64<<20 + 64<<10

	lengthSize = 4
	minSize    = HeaderSize - lengthSize
)

// ErrProtocol says that the other side broke the protocol.
var ErrProtocol = errors.New("protocol error")

// Buf holds one frame. A Buf has one owner, who frees it.
type Buf struct {
	B []byte // header and body; append the body here
}

const keepBuf = 256 << 10 // larger buffers are left to the garbage collector

var bufs = sync.Pool{New: func() any { return &Buf{B: make([]byte, 0, 512)} }}

// NewBuf returns a frame without a body.
func NewBuf(t Type) *Buf {
	b := bufs.Get().(*Buf)
	b.B = append(b.B[:0], 0, 0, 0, 0, byte(t), 0, 0, 0, 0, 0, 0, 0, 0)
	return b
}

// Free gives the memory back. A nil Buf is allowed.
func (b *Buf) Free() {
	if b != nil && cap(b.B) <= keepBuf {
		bufs.Put(b)
	}
}

// Type returns the type of the frame.
func (b *Buf) Type() Type { return Type(b.B[lengthSize]) }

// ID returns the number of the request that the frame belongs to, or zero.
func (b *Buf) ID() uint64 { return binary.LittleEndian.Uint64(b.B[lengthSize+1:]) }

// Body returns what follows the header. It is valid until the Buf is freed.
func (b *Buf) Body() []byte { return b.B[HeaderSize:] }

// seal writes the header fields that are known last.
func (b *Buf) seal(id uint64) error {
	n := len(b.B) - lengthSize
	if n > MaxSize {
		return fmt.Errorf("%s frame of %d bytes, more than the limit of %d", b.Type(), n, MaxSize)
	}
	binary.LittleEndian.PutUint32(b.B, uint32(n))
	binary.LittleEndian.PutUint64(b.B[lengthSize+1:], id)
	return nil
}

// Read reads one frame. It returns io.EOF if the other side has closed between two
// frames, io.ErrUnexpectedEOF within one, and an error that wraps [ErrProtocol] for a
// length out of bounds.
func Read(r io.Reader) (*Buf, error) {
	b := NewBuf(0)
	if _, err := io.ReadFull(r, b.B); err != nil {
		b.Free()
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(b.B))
	if n < minSize || n > MaxSize {
		b.Free()
		return nil, fmt.Errorf("%w: frame of %d bytes, want %d to %d", ErrProtocol, n, minSize, MaxSize)
	}
	if err := b.fill(r, int(n)-minSize); err != nil {
		b.Free()
		return nil, err
	}
	return b, nil
}

// fill reads a body of n bytes. Memory grows with what has arrived, not with what the
// length field promises.
func (b *Buf) fill(r io.Reader, n int) error {
	const step = 1 << 20
	for n > 0 {
		k := min(n, max(step, len(b.B)))
		at := len(b.B)
		b.grow(k)
		b.B = b.B[:at+k]
		if _, err := io.ReadFull(r, b.B[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		n -= k
	}
	return nil
}

// grow makes room for k bytes more.
func (b *Buf) grow(k int) {
	if need := len(b.B) + k; need > cap(b.B) {
		b.B = append(make([]byte, 0, need), b.B...)
	}
}
