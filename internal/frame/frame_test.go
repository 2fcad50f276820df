package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// raw makes the bytes of a frame.
func raw(t Type, id uint64, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(9+len(body)))
	b = append(b, byte(t))
	return append(binary.LittleEndian.AppendUint64(b, id), body...)
}

func TestReadFrame(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 5000, 1<<20 - 1, 3<<20 + 7} {
		body := bytes.Repeat([]byte{7}, size)
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(raw(Call, 1<<40, body)),
			"bytes": iotest.OneByteReader(bytes.NewReader(raw(Call, 1<<40, body))),
		} {
			if name == "bytes" && size > 5000 {
				continue
			}
			b, err := Read(r)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, size, err)
			}
			if b.Type() != Call || b.ID() != 1<<40 || !bytes.Equal(b.Body(), body) {
				t.Errorf("%s, %d bytes: got type %v, id %d, %d bytes", name, size, b.Type(), b.ID(), len(b.Body()))
			}
			b.Free()
		}
	}
}

func TestReadFrameErrors(t *testing.T) {
	whole := raw(Answer, 3, []byte("hello"))
	for n := range whole {
		b, err := Read(bytes.NewReader(whole[:n]))
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if b != nil || !errors.Is(err, want) {
			t.Errorf("cut after %d bytes: %v, want %v", n, err, want)
		}
	}
	for _, length := range []uint32{0, 8, MaxSize + 1, 1<<32 - 1} {
		b := binary.LittleEndian.AppendUint32(nil, length)
		if _, err := Read(bytes.NewReader(append(b, make([]byte, 100)...))); !errors.Is(err, ErrProtocol) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

// TestReadFrameMemory: a length is a promise; memory follows what arrives.
func TestReadFrameMemory(t *testing.T) {
	head := binary.LittleEndian.AppendUint32(nil, MaxSize)
	head = append(head, make([]byte, 9+100)...)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := Read(bytes.NewReader(head)); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Read(bytes.NewReader(head))
		}
	})
	if got := result.AllocedBytesPerOp(); got > 2<<20 {
		t.Errorf("a frame of which 100 bytes came took %d bytes of memory", got)
	}
}

func TestSealLimit(t *testing.T) {
	b := &Buf{B: make([]byte, lengthSize+MaxSize+1)}
	if err := b.seal(1); err == nil {
		t.Error("a frame over the limit was sealed")
	}
	b.B = b.B[:len(b.B)-1]
	if err := b.seal(1); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(raw(Hello, 0, []byte(`{"protocol":1}`)))
	f.Add(raw(Call, 1, []byte{0}))
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if want := b[:HeaderSize+len(got.Body())]; !bytes.Equal(raw(got.Type(), got.ID(), got.Body()), want) {
			t.Errorf("%x was read as %v %d %x", b, got.Type(), got.ID(), got.Body())
		}
		got.Free()
	})
}
