package hook_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/hook"
	"github.com/plugstead/plugstead/manifest"
)

var (
	point = contract.Define("hook.test/text", 1, 0)
	edit  = contract.Unary[string, string](point, "Edit")
	count = contract.Unary[string, int](point, "Count", contract.MethodOptions{Optional: true})
)

// plugin adds its name to a text, in its own order.
type plugin struct {
	m        *manifest.Manifest
	handlers map[*contract.Method]contract.Handler
}

func (p *plugin) ID() manifest.ID                { return p.m.ID }
func (p *plugin) Manifest() *manifest.Manifest   { return p.m }
func (p *plugin) Offers(m *contract.Method) bool { _, ok := p.handlers[m]; return ok }
func (p *plugin) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	return p.handlers[m].Invoke(ctx, req, resp)
}

func (p *plugin) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "no streams")
}

// newPlugin makes a plugin of "name priority <before >after".
func newPlugin(text string, edits func(context.Context, string) (string, error)) *plugin {
	f := strings.Fields(text)
	h := manifest.Hook{Point: point.ID()}
	for _, w := range f[1:] {
		switch w[0] {
		case '<':
			h.Before = append(h.Before, manifest.ID("a/"+w[1:]))
		case '>':
			h.After = append(h.After, manifest.ID("a/"+w[1:]))
		default:
			fmt.Sscan(w, &h.Priority)
		}
	}
	p := &plugin{m: &manifest.Manifest{ID: manifest.ID("a/" + f[0]), Hooks: []manifest.Hook{h}}}
	if edits == nil {
		edits = func(_ context.Context, s string) (string, error) { return s + f[0], nil }
	}
	p.handlers = map[*contract.Method]contract.Handler{edit.Method: edit.Handle(edits)}
	return p
}

func at(list ...*plugin) *hook.Hooks[*plugin] {
	return hook.At(point, func() iter.Seq[*plugin] { return slices.Values(list) })
}

func names(list []*plugin) string {
	var out []string
	for _, p := range list {
		out = append(out, strings.TrimPrefix(string(p.ID()), "a/"))
	}
	return strings.Join(out, " ")
}

func TestOrder(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"c, a, b":                     "a b c",
		"a 1, b, c -1":                "c b a",
		"a >c, b, c":                  "b c a",
		"a, b, c <a":                  "b c a",
		"a >z <y, b":                  "a b",
		"a 5 <b, b -5 <c, c -9":       "a b c",
		"a >c, b >a, c 1000":          "c a b",
		"a >b, b >a, c":               "c a b!a b",
		"a >b, b >c, c >a -1, d >c":   "c b a d!a b c",
		"a >b, b >a, c >a":            "a b c!a b",
		"a <b >b, b":                  "a b!a b",
		"x >a, a >b, b >c, c >b, d 9": "d b a c x!b c",
	} {
		var list []*plugin
		for s := range strings.SplitSeq(text, ",") {
			if s != "" {
				list = append(list, newPlugin(s, nil))
			}
		}
		want, circle, _ := strings.Cut(want, "!")
		for range 10 {
			rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			h := at(list...)
			if got := names(h.Order()); got != want {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
			if got := strings.ReplaceAll(strings.Trim(fmt.Sprint(h.Circle()), "[]"), "a/", ""); got != circle {
				t.Errorf("%s: circle %s, want %s", text, got, circle)
			}
		}
	}
}

// TestOrderProperty: without a circle every wish is kept, with one everybody is called.
func TestOrderProperty(t *testing.T) {
	for range 500 {
		var list []*plugin
		n := 1 + rand.IntN(8)
		for i := range n {
			words := []string{string(rune('a' + i)), strconv.Itoa(rand.IntN(3))}
			for range rand.IntN(3) {
				if j := rand.IntN(n); j != i {
					words = append(words, fmt.Sprintf("%c%c", "<>"[rand.IntN(2)], 'a'+j))
				}
			}
			list = append(list, newPlugin(strings.Join(words, " "), nil))
		}
		h := at(list...)
		order, circle := h.Order(), h.Circle()
		if len(order) != n {
			t.Fatalf("%d of %d plugins", len(order), n)
		}
		for i, p := range order {
			for _, q := range order[:i] {
				w := p.m.Hook(point.ID())
				x := q.m.Hook(point.ID())
				if circle == nil && (slices.Contains(w.Before, q.ID()) || slices.Contains(x.After, p.ID())) {
					t.Fatalf("%s stands before %s in %s", q.ID(), p.ID(), names(order))
				}
			}
		}
	}
}

// TestOrderIsKept: an order is made again only when other plugins run.
func TestOrderIsKept(t *testing.T) {
	list := []*plugin{newPlugin("a", nil), newPlugin("b", nil)}
	h := hook.At(point, func() iter.Seq[*plugin] { return slices.Values(list) })
	if n := testing.AllocsPerRun(100, func() { h.Order() }); n > 5 {
		t.Errorf("%v allocations for an order that is known", n)
	}
	for _, c := range [][2]string{{"a 7", "b a"}, {"a", "a b"}} {
		list[0] = newPlugin(c[0], nil)
		if got := names(h.Order()); got != c[1] {
			t.Errorf("%s, want %s", got, c[1])
		}
	}
	list = append(list, newPlugin("c -1", nil))
	if got := names(h.Order()); got != "c a b" {
		t.Error(got)
	}
	list = list[:1]
	if got := names(h.Order()); got != "a" {
		t.Error(got)
	}
	list[0].m = nil // does not run
	if got := h.Order(); len(got) != 0 {
		t.Error(names(got))
	}
}

func fails(code contract.Code) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return "", contract.Errorf(code, "no") }
}

func TestChain(t *testing.T) {
	other := newPlugin("o -5", nil)
	other.handlers = nil // offers nothing
	h := at(newPlugin("a", nil), newPlugin("b 9", nil), newPlugin("c", fails(contract.Internal)), other)
	var failed []manifest.ID
	o := hook.Options{Failed: func(id manifest.ID, _ error) { failed = append(failed, id) }}
	out, err := hook.Chain(t.Context(), h, edit, ">", o)
	if e, ok := errors.AsType[*hook.Error](err); !ok || e.ID != "a/c" || !errors.Is(err, contract.Internal) || out != ">a" || !strings.Contains(err.Error(), "plugin a/c") {
		t.Errorf("%q, %v", out, err)
	}
	o.OnError = hook.Skip
	if out, err := hook.Chain(t.Context(), h, edit, ">", o); err != nil || out != ">ab" {
		t.Errorf("%q, %v", out, err)
	}
	if !slices.Equal(failed, []manifest.ID{"a/c", "a/c"}) {
		t.Error(failed)
	}
	if out, err := hook.Chain(t.Context(), at(), edit, ">", o); err != nil || out != ">" {
		t.Errorf("%q, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h = at(newPlugin("a", func(context.Context, string) (string, error) { cancel(); return "", ctx.Err() }), newPlugin("b", nil))
	if out, err := hook.Chain(ctx, h, edit, ">", o); !errors.Is(err, contract.Canceled) || out != ">" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestFirst(t *testing.T) {
	h := at(newPlugin("a", fails(contract.NotFound)), newPlugin("b", fails(contract.Unimplemented)), newPlugin("c", nil), newPlugin("d", fails(contract.Internal)))
	if out, id, err := hook.First(t.Context(), h, edit, ">", hook.Options{}); err != nil || id != "a/c" || out != ">c" {
		t.Errorf("%q of %s, %v", out, id, err)
	}
	h = at(newPlugin("a", fails(contract.Internal)), newPlugin("b", fails(contract.NotFound)))
	if _, id, err := hook.First(t.Context(), h, edit, ">", hook.Options{}); !errors.Is(err, contract.Internal) || errors.Is(err, hook.ErrNoAnswer) || id != "" {
		t.Errorf("%s, %v", id, err)
	}
	if _, id, err := hook.First(t.Context(), h, edit, ">", hook.Options{OnError: hook.Skip}); !errors.Is(err, contract.Internal) || !errors.Is(err, hook.ErrNoAnswer) || id != "" {
		t.Errorf("%s, %v", id, err)
	}
	if _, _, err := hook.First(t.Context(), h, count, ">", hook.Options{}); !errors.Is(err, hook.ErrNoAnswer) {
		t.Error(err)
	}
}

func TestAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		slow := func(d time.Duration) func(context.Context, string) (string, error) {
			return func(ctx context.Context, s string) (string, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				select {
				case <-time.After(d):
					return s + "!", nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
		}
		h := at(newPlugin("d", slow(time.Second)), newPlugin("c", slow(time.Hour)), newPlugin("b", fails(contract.Internal)), newPlugin("a", slow(time.Minute)))
		begin := time.Now()
		got := hook.All(t.Context(), h, edit, ">", hook.Options{Timeout: 2 * time.Minute})
		if d := time.Since(begin); d != 2*time.Minute || most.Load() != 3 {
			t.Errorf("took %v, %d at once", d, most.Load())
		}
		if len(got) != 4 || got[0].Value != ">!" || !errors.Is(got[1].Err, contract.Internal) || !errors.Is(got[2].Err, contract.DeadlineExceeded) || got[3].ID != "a/d" || got[3].Err != nil {
			t.Errorf("%+v", got)
		}
		most.Store(0)
		if hook.All(t.Context(), h, edit, ">", hook.Options{AtOnce: 1}); most.Load() != 1 {
			t.Errorf("%d at once", most.Load())
		}
		if got := hook.All(t.Context(), h, count, "", hook.Options{}); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func Example() {
	shout := newPlugin("shout 10", func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil })
	greet := newPlugin("greet", func(_ context.Context, s string) (string, error) { return "hello, " + s, nil })
	hooks := hook.At(point, func() iter.Seq[*plugin] { return slices.Values([]*plugin{shout, greet}) })
	out, err := hook.Chain(context.Background(), hooks, edit, "Ada", hook.Options{Timeout: time.Second})
	fmt.Println(out, err)
	// Output: HELLO, ADA <nil>
}

// TestAllGoroutineEnds: a plugin that ends its goroutine, as a test that fails does, has not
// answered.
func TestAllGoroutineEnds(t *testing.T) {
	h := at(newPlugin("a", nil), newPlugin("b", func(context.Context, string) (string, error) {
		runtime.Goexit()
		return "", nil
	}))
	got := hook.All(t.Context(), h, edit, ">", hook.Options{})
	if len(got) != 2 || got[0].Value != ">a" || got[0].Err != nil || got[1].ID != "a/b" || contract.AsError(got[1].Err).Reason != contract.ReasonPanic {
		t.Errorf("%+v", got)
	}
}
