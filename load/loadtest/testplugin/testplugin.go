// Package testplugin is a plugin as an author writes it, with everything that a plugin
// can do. Suites run it in every runtime.
package testplugin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/sdk"
)

// The ids of the plugins here.
const (
	ID     = "plugstead-test/probe"
	PeerID = "plugstead-test/peer" // made of functions; ID requires it
)

// Config is the configuration of ID.
type Config struct {
	Word  string            `json:"word"`
	Limit int64             `json:"limit"`
	Wait  time.Duration     `json:"wait"` // that opening takes
	Fail  bool              `json:"fail"` // to open
	Sick  bool              `json:"sick"` // Check reports an error
	Extra map[string]Nested `json:"extra"`
}

// Nested is a part of Config.
type Nested struct {
	On    bool    `json:"on"`
	Ratio float64 `json:"ratio"`
}

func init() {
	sdk.RegisterType(ID, open,
		sdk.Unary(probe.Echo, (*plugin).echo),
		sdk.Unary(probe.Tick, (*plugin).tick),
		sdk.Unary(probe.Fail, (*plugin).fail),
		sdk.Unary(probe.Wait, (*plugin).wait),
		sdk.Unary(probe.Look, (*plugin).look),
		sdk.Unary(probe.Call, (*plugin).call),
		sdk.Unary(probe.Ask, (*plugin).ask),
		sdk.Unary(probe.Offered, (*plugin).offered),
		sdk.Unary(probe.Say, (*plugin).say),
		sdk.Unary(probe.Short, (*plugin).echo),
		sdk.Unary(probe.Prompt, (*plugin).wait),
		sdk.ServerStream(probe.Count, (*plugin).count),
		sdk.ClientStream(probe.Sum, (*plugin).sum),
		sdk.BidiStream(probe.Double, (*plugin).double),
		sdk.BidiStream(probe.Blobs, (*plugin).blobs),
		sdk.ServerStream(probe.Pull, (*plugin).pull),
	)
	sdk.Register(PeerID, probe.PeerEcho.Handle(peerEcho), probe.PeerDouble.Handle(double),
		probe.PeerEcho2.Handle(func(_ context.Context, t probe.Text) (probe.Text, error) { return t, nil }))
}

type plugin struct {
	env *sdk.Env

	mu    sync.Mutex
	cfg   Config
	calls int
	quiet bool
}

var (
	_ sdk.Checker            = (*plugin)(nil)
	_ sdk.Quiescer           = (*plugin)(nil)
	_ sdk.Stopper            = (*plugin)(nil)
	_ sdk.Configurer[Config] = (*plugin)(nil)
)

func open(ctx context.Context, env *sdk.Env, c Config) (*plugin, error) {
	if c.Fail {
		return nil, contract.Errorf(contract.FailedPrecondition, "told to fail").With("word", c.Word)
	}
	if c.Wait > 0 {
		select {
		case <-time.After(c.Wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &plugin{env: env, cfg: c}, nil
}

// Check implements sdk.Checker.
func (p *plugin) Check(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Sick {
		return contract.Errorf(contract.Unavailable, "sick")
	}
	return nil
}

// Quiesce implements sdk.Quiescer.
func (p *plugin) Quiesce(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = true
	return nil
}

// Stop implements sdk.Stopper: it tells the host, if that listens.
func (p *plugin) Stop(ctx context.Context) error {
	if !p.env.Host.Offers(probe.Note.Method) {
		return nil
	}
	return p.note(ctx, "stop")
}

// Configure implements sdk.Configurer.
func (p *plugin) Configure(_ context.Context, c Config) error {
	if c.Fail {
		return contract.Errorf(contract.InvalidArgument, "told to refuse")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg = c
	return nil
}

func (p *plugin) note(ctx context.Context, s string) error {
	_, err := probe.Note.Call(ctx, p.env.Host, probe.Text{Text: s})
	return err
}

func (p *plugin) echo(_ context.Context, m probe.Message) (probe.Message, error) { return m, nil }

func (p *plugin) tick(_ context.Context, t probe.Tock) (probe.Tock, error) { return t, nil }

var errPlain = errors.New("plain")

func (p *plugin) fail(ctx context.Context, f probe.Failure) (probe.Nothing, error) {
	coded := contract.Errorf(contract.NotFound, "no such thing").Because("NO_THING").With("thing", "x").With("näme", "ü")
	switch f.How {
	case "code":
		return probe.Nothing{}, coded
	case "wrapped":
		return probe.Nothing{}, fmt.Errorf("while looking: %w", coded)
	case "plain":
		return probe.Nothing{}, errPlain
	case "bytes":
		return probe.Nothing{}, errors.New("bad \xff text")
	case "panic":
		panic("boom")
	case "nil":
		var m map[string]int
		//lint:ignore SA5000 the panic is the point
		m["x"] = 1
	case "goexit":
		runtime.Goexit()
	case "exit":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
	case "crash":
		go panic("crash in a goroutine")
		select {}
	}
	return probe.Nothing{}, nil
}

func (p *plugin) wait(ctx context.Context, w probe.Waiting) (out probe.Waited, err error) {
	if t, ok := ctx.Deadline(); ok {
		out.Left = time.Until(t)
	}
	if w.Announce {
		if err := p.note(context.WithoutCancel(ctx), "waiting"); err != nil {
			return out, err
		}
	}
	if w.Spin {
		for begin, n := time.Now(), 0; n == 0 || time.Since(begin) < w.For; n++ {
			for range 1000 {
				n++
			}
		}
		return out, nil
	}
	select {
	case <-time.After(w.For):
		if w.Announce {
			return out, p.note(ctx, "finished")
		}
		return out, nil
	case <-ctx.Done():
	}
	if w.Announce {
		if err := p.note(context.WithoutCancel(ctx), "cancelled"); err != nil {
			return out, err
		}
	}
	return out, ctx.Err()
}

func (p *plugin) look(ctx context.Context, _ probe.Nothing) (probe.View, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return probe.View{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return probe.View{
		ID: p.env.ID, Word: p.cfg.Word, Limit: p.cfg.Limit, DataDir: p.env.DataDir, Calls: p.calls, Quiet: p.quiet,
		Environ: os.Environ(), Trace: contract.TraceOf(ctx).Parent + " " + contract.TraceOf(ctx).State, Now: time.Now(), Random: binary.LittleEndian.Uint64(b[:]),
	}, nil
}

func (p *plugin) call(ctx context.Context, t probe.Text) (probe.Text, error) {
	return probe.Lookup.Call(ctx, p.env.Host, t)
}

func (p *plugin) ask(ctx context.Context, m probe.Message) (probe.Message, error) {
	return probe.PeerEcho.Call(ctx, p.env.Peer(m.Renamed), m)
}

func (p *plugin) offered(context.Context, probe.Nothing) (probe.Offers, error) {
	peer, stranger := p.env.Peer(PeerID), p.env.Peer("plugstead-test/stranger")
	return probe.Offers{
		Lookup: p.env.Host.Offers(probe.Lookup.Method), Unkept: p.env.Host.Offers(probe.Unkept.Method),
		PeerEcho: peer.Offers(probe.PeerEcho.Method), PeerAbsent: peer.Offers(probe.Absent.Method),
		StrangerEcho: stranger.Offers(probe.PeerEcho.Method),
	}, nil
}

func (p *plugin) say(ctx context.Context, s probe.Speech) (probe.Nothing, error) {
	log := p.env.Log.With("a", 1).WithGroup("g").With("b", "two")
	if s.Log != "" {
		log.WarnContext(ctx, s.Log, "n", -5, "u", uint64(7), "f", 1.5, "on", true, "d", time.Second,
			"t", time.Unix(1700000000, 5), "err", errPlain, slog.Group("in", "x", "y"))
	}
	if s.Debug != "" {
		p.env.Log.Debug(s.Debug)
	}
	if len(s.Stdout) > 0 {
		fmt.Println(string(s.Stdout))
	}
	if s.Stderr != "" {
		fmt.Fprintln(os.Stderr, s.Stderr)
	}
	return probe.Nothing{}, nil
}

// peerEcho answers with who it is, which it finds in its context.
func peerEcho(ctx context.Context, m probe.Message) (probe.Message, error) {
	if m.Text == "fail" {
		return m, contract.Errorf(contract.AlreadyExists, "peer says no").Because("PEER_NO")
	}
	if m.Text = sdk.From(ctx).ID + ": " + m.Text; strings.HasSuffix(m.Text, "trace") {
		m.Text += " " + contract.TraceOf(ctx).Parent
	}
	return m, nil
}
