//go:build linux

package process

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/sdk"
)

// The test binary is every program that the tests start, by the name it is called by.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if f := programs[name]; f != nil {
		f()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var programs = map[string]func(){
	"good":       sdk.Main,
	"silent":     func() { hang() },
	"exits":      func() { fmt.Fprintln(os.Stderr, "cannot find my shoes"); os.Exit(7) },
	"closes":     func() { out().Close(); hang() },
	"garbage":    func() { fmt.Fprint(out(), "HTTP/1.1 200 OK\r\n\r\n"); hang() },
	"half":       func() { out().Write([]byte{200, 0, 0, 0, 1}); hang() },
	"other":      func() { hello("plugstead-test/other"); hang() },
	"old":        func() { write(1, 0, []byte(`{"protocol":0,"plugin":"plugstead-test/probe"}`)); hang() },
	"early":      func() { write(7, 0, []byte(`{"msg":"before hello"}`)); hang() },
	"deaf":       func() { hello(id); readFrame(); write(4, 1, nil); hang() },
	"unasked":    func() { hello(id); readFrame(); write(4, 1, nil); write(4, 77, nil); hang() },
	"unknown":    func() { hello(id); readFrame(); write(4, 1, nil); write(99, 1, nil); hang() },
	"hellotwice": func() { hello(id); readFrame(); write(4, 1, nil); hello(id); hang() },
	"badcall":    func() { hello(id); readFrame(); write(4, 1, nil); write(3, 1, []byte{9}); hang() },
	"frozen":     func() { hello(id); readFrame(); write(4, 1, nil); freeze(); hang() },
	"stubborn":   stubborn,
	"family":     family,
	"child":      func() { fmt.Println("child", os.Getpid()); hang() },
	"flood":      flood,
	"foreign":    foreign,
	"host":       hostProgram,

	"refuses": func() {
		hello(id)
		_, n, _ := readFrame()
		write(5, n, []byte(`{"code":9,"message":"no licence key","reason":"LICENCE"}`))
		hang()
	},
	"nohello":   func() { write(1, 0, []byte(`{"protocol":1,`)); hang() },
	"nomethods": func() { write(1, 0, []byte(`{"protocol":1,"plugin":"plugstead-test/probe","methods":"all"}`)); hang() },
	"giant": func() {
		serving(func(byte, uint64, []byte) {
			raw(append(binary.LittleEndian.AppendUint32(nil, 1<<31), make([]byte, 60)...))
		})
	},
	"tiny": func() { serving(func(byte, uint64, []byte) { raw(make([]byte, 64)) }) },
	"twice": func() {
		serving(func(_ byte, n uint64, _ []byte) { write(4, n, []byte("{}")); write(4, n, []byte("{}")) })
	},
	"nojson":    func() { serving(func(kind byte, n uint64, _ []byte) { write(4, n, answers(kind, "hello")) }) },
	"otherjson": func() { serving(func(kind byte, n uint64, _ []byte) { write(4, n, answers(kind, `{"Text":7}`)) }) },
	"noerror":   func() { serving(func(_ byte, n uint64, _ []byte) { write(5, n, []byte("oops")) }) },
	"strange": func() {
		serving(func(_ byte, n uint64, _ []byte) { write(5, n, []byte(`{"code":4711,"message":"strange"}`)) })
	},
	"leaves":   func() { hello(id); _, n, _ := readFrame(); write(4, n, nil); os.Exit(0) },
	"lingers":  func() { serving(func(_ byte, n uint64, _ []byte) { write(4, n, []byte("{}")) }) },
	"chatters": func() { fmt.Fprint(os.Stderr, strings.Repeat("x", 4<<20)+"\nlast words\x1b[31m\n"); os.Exit(3) },
	"overcalls": func() {
		serving(func(byte, uint64, []byte) { write(3, 0, make([]byte, 19)) })
	},
	"elsewhere": func() { serving(func(byte, uint64, []byte) { write(4, 1<<62, nil) }) },
	"cutsoff": func() {
		serving(func(_ byte, n uint64, _ []byte) {
			raw([]byte{200, 0, 0, 0, 4, 1})
			out().Close()
			toHost.Close()
			hang()
		})
	},
}

// serving says hello, opens, and hands what comes then to f.
func serving(f func(kind byte, number uint64, body []byte)) {
	hello(id)
	_, n, _ := readFrame()
	write(4, n, nil)
	for {
		f(readFrame())
	}
}

// answers is a body for calls, and nothing for other requests.
func answers(kind byte, body string) []byte {
	if kind != 3 {
		return nil
	}
	return []byte(body)
}

// raw sends bytes that need not be a frame.
func raw(b []byte) {
	if _, err := toHost.Write(b); err != nil {
		os.Exit(9)
	}
}

const id = "plugstead-test/probe"

func descriptor(name string) *os.File {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return os.NewFile(uintptr(n), name)
}

func out() *os.File { return descriptor("PLUGSTEAD_OUT") }

var toHost, fromHost *os.File

func write(kind byte, id uint64, body []byte) {
	if toHost == nil {
		toHost = out()
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(9+len(body)))
	b = binary.LittleEndian.AppendUint64(append(b, kind), id)
	if _, err := toHost.Write(append(b, body...)); err != nil {
		os.Exit(9)
	}
}

func readFrame() (kind byte, id uint64, body []byte) {
	if fromHost == nil {
		fromHost = descriptor("PLUGSTEAD_IN")
	}
	var h [13]byte
	if _, err := io.ReadFull(fromHost, h[:]); err != nil {
		os.Exit(0)
	}
	body = make([]byte, binary.LittleEndian.Uint32(h[:])-9)
	if _, err := io.ReadFull(fromHost, body); err != nil {
		os.Exit(0)
	}
	return h[4], binary.LittleEndian.Uint64(h[5:]), body
}

// hello promises a few methods, in JSON.
func hello(plugin string) {
	write(1, 0, []byte(`{"protocol":1,"plugin":"`+plugin+`","methods":[{"path":"/plugstead.test/probe.v1/Tick","minor":1},{"path":"/plugstead.test/probe.v1/Wait"},{"path":"/plugstead.test/probe.v1/Call"},{"path":"/plugstead.test/probe.v1/Fail"}]}`))
}

// hang waits for ever, which Go allows only while a signal could come.
func hang() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	<-c
}

func freeze() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// stubborn hears neither the end of its input nor a polite signal.
func stubborn() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	hello(id)
	readFrame()
	write(4, 1, nil)
	_, _ = io.Copy(io.Discard, fromHost)
	hang()
}

// family starts a child that keeps the output open, and crashes when it is called.
func family() {
	hello(id)
	readFrame()
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"child"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{out()}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	write(4, 1, nil)
	readFrame()
	os.Exit(5)
}

// flood logs and calls without end, and reads nothing.
func flood() {
	hello(id)
	readFrame()
	write(4, 1, nil)
	for i := uint64(1); ; i++ {
		write(7, 0, []byte(`{"msg":"flood"}`))
		write(3, i, append(binary.LittleEndian.AppendUint16(make([]byte, 17), 7), "/a.v1/B"...))
	}
}

// foreign is a plugin written from the specification alone, in JSON: nothing of this
// project but the page is used.
func foreign() {
	hello(id)
	word := ""
	waiting := map[uint64]uint64{} // our request to the host's
	for next := uint64(1); ; {
		kind, number, body := readFrame()
		switch kind {
		case 2: // open
			n := binary.LittleEndian.Uint32(body[8:])
			var config struct{ Word string }
			if err := json.Unmarshal(body[12:12+n], &config); err != nil {
				write(5, number, []byte(`{"code":3,"message":"config"}`))
				continue
			}
			word = config.Word
			write(7, 0, []byte(`{"level":4,"msg":"open","attrs":[{"k":"word","v":"`+word+`"}]}`))
			write(4, number, nil)
		case 3: // call
			n := binary.LittleEndian.Uint16(body[17:])
			path, message := string(body[19:19+n]), body[19+n:]
			switch path[strings.LastIndexByte(path, '/')+1:] {
			case "Tick":
				var m map[string]any
				if err := json.Unmarshal(message, &m); err != nil {
					panic(err)
				}
				m["Text"] = word + m["Text"].(string)
				b, err := json.Marshal(m)
				if err != nil {
					panic(err)
				}
				write(4, number, b)
			case "Call": // of a host service, within this request
				b := binary.LittleEndian.AppendUint64(make([]byte, 9), number)
				b = append(binary.LittleEndian.AppendUint16(b, 34), "/plugstead.test/services.v1/Lookup"...)
				waiting[next] = number
				write(3, next, append(b, message...))
				next++
			default:
				write(5, number, []byte(`{"code":12,"message":"not `+path+`"}`))
			}
		case 4, 5: // the answer of the host
			write(kind, waiting[number], body)
		case 6: // cancel: we are quick
		default:
			write(4, number, nil)
			if kind == 11 {
				os.Exit(0)
			}
		}
	}
}

// printHandler prints messages.
type printHandler struct{ lineHandler }

func (printHandler) Handle(_ context.Context, r slog.Record) error {
	fmt.Println(r.Message)
	return nil
}

// hostProgram is a host: it starts the plugin beside it, after a confined one if there is a
// third argument, and waits to be killed.
func hostProgram() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	if len(os.Args) > 3 {
		im := image(os.Args[3], "good")
		im.Manifest.ID = pryingID
		if _, err := (Driver{Sandbox: SandboxRequire}).Start(contextOf(), im, specOf(slog.New(slog.DiscardHandler))); err != nil {
			panic(err)
		}
	}
	in, err := Driver{}.Start(contextOf(), image(os.Args[1], os.Args[2]), specOf(slog.New(printHandler{})))
	if err != nil {
		panic(err)
	}
	fmt.Println(in.(*instance).child.cmd.Process.Pid, self)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}
