package wasm

import (
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// testModule is a WebAssembly module written by hand. Zero fields behave well.
type testModule struct {
	noCall   bool   // does not export plugstead_call
	wrongABI bool   // plugstead_abi has a parameter
	imports  string // name of a third import
	version  byte   // of the ABI; default 1
	initial  []byte // body of _initialize
	buffer   []byte // body of plugstead_buffer
	alloc    []byte // body of plugstead_alloc
	call     []byte // body of plugstead_call for requests other than hello and open
}

// Opcodes.
const (
	opUnreachable, opBlock, opLoop, opIf, opElse, opEnd, opBr, opReturn, opCall = 0x00, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0f, 0x10
	opDrop, opGetLocal, opLoad8, opGrow, opI32, opI64, opEq                     = 0x1a, 0x20, 0x2d, 0x40, 0x41, 0x42, 0x46
	void                                                                        = 0x40
	i32, i64                                                                    = 0x7f, 0x7e
)

// spin is a loop without end.
var spin = []byte{opLoop, void, opBr, 0, opEnd}

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func uleb(n uint64) (out []byte) {
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func sleb(n int64) (out []byte) {
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func constI32(n int32) []byte { return append([]byte{opI32}, sleb(int64(n))...) }
func constI64(n int64) []byte { return append([]byte{opI64}, sleb(n)...) }

// at is an answer of n bytes at an address.
func at(address, n int64) []byte { return constI64(int64(uint64(address)<<32 | uint64(n))) }

func vec(items ...[]byte) []byte       { return append(uleb(uint64(len(items))), cat(items...)...) }
func name(s string) []byte             { return append(uleb(uint64(len(s))), s...) }
func section(id byte, b []byte) []byte { return cat([]byte{id}, uleb(uint64(len(b))), b) }
func export(s string, i byte) []byte   { return cat(name(s), []byte{0, i}) }
func code(b []byte) []byte {
	b = cat([]byte{0}, b, []byte{opEnd})
	return append(uleb(uint64(len(b))), b...)
}

func or(b, other []byte) []byte {
	if b == nil {
		return other
	}
	return b
}

// Places in the memory of one page.
const (
	helloAt, okAt, badAt, bufferAt, allocAt = 1024, 8192, 8200, 16384, 32768
)

func (m testModule) encode(t *testing.T) []byte {
	t.Helper()
	hello, err := contract.CBOR.Append([]byte{0}, &frame.HelloMessage{Protocol: 1, Plugin: "acme/p", Methods: []frame.Method{{Path: nudge.Path()}}})
	if err != nil {
		t.Fatal(err)
	}
	types := vec([]byte{0x60, 0, 0}, []byte{0x60, 0, 1, i32}, []byte{0x60, 1, i32, 1, i32}, []byte{0x60, 2, i32, i32, 1, i64}, []byte{0x60, 2, i32, i32, 0})
	imports := [][]byte{cat(name("plugstead"), name("call"), []byte{0, 3}), cat(name("plugstead"), name("log"), []byte{0, 4})}
	if m.imports != "" {
		imports = append(imports, cat(name("env"), name(m.imports), []byte{0, 0}))
	}
	first := byte(len(imports))
	abi := byte(1)
	if m.wrongABI {
		abi = 2
	}
	exports := [][]byte{
		cat(name("memory"), []byte{2, 0}), export("_initialize", first), export("plugstead_abi", first+1),
		export("plugstead_buffer", first+2), export("plugstead_alloc", first+3),
	}
	if !m.noCall {
		exports = append(exports, export("plugstead_call", first+4))
	}
	kind := []byte{opGetLocal, 0, opLoad8, 0, 0}
	on := func(t frame.Type, b []byte) []byte {
		return cat(kind, constI32(int32(t)), []byte{opEq, opIf, void}, b, []byte{opReturn, opEnd})
	}
	call := cat(on(frame.Hello, at(helloAt, int64(len(hello)))), on(frame.Open, at(okAt, 1)), on(frame.Stop, at(okAt, 1)), or(m.call, at(okAt, 2)))
	bodies := vec(code(m.initial), code(constI32(int32(max(m.version, 1)))), code(or(m.buffer, constI32(bufferAt))), code(or(m.alloc, constI32(allocAt))), code(call))
	data := func(where int32, b []byte) []byte {
		return cat([]byte{0}, constI32(where), []byte{opEnd}, name(string(b)))
	}
	return cat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types), section(2, vec(imports...)), section(3, []byte{5, 0, abi, 2, 2, 3}), section(5, []byte{1, 0, 1}),
		section(7, vec(exports...)), section(10, bodies),
		section(11, vec(data(helloAt, hello), data(okAt, []byte{0, 0xa0}), data(badAt, []byte{7}))))
}
