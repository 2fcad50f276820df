package resolve_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func TestWishOfAChannel(t *testing.T) {
	for text, want := range map[string]string{
		"acme/a@beta": "beta", "acme/a@lts-2": "lts-2", "acme/a@^1": "", "acme/a": "",
	} {
		w, err := resolve.ParseWish(text)
		if err != nil || w.Channel != want || w.String() != text {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
	for _, text := range []string{"acme/a@latest", "acme/a@Beta", "acme/a@", "acme/a@beta@1", "acme/a@be_ta"} {
		if w, err := resolve.ParseWish(text); err == nil {
			t.Errorf("%s: %+v", text, w)
		}
	}
}

func TestFollow(t *testing.T) {
	v := version.MustParse("2.0.0-rc.1")
	p := &index.Plugin{Header: index.Header{ID: "acme/a", Channels: []index.Channel{{Name: "beta", Version: v}, {Name: "gone", Version: version.MustParse("9.0.0")}}}}
	p.Releases = []index.Release{{Record: index.Record{Facts: artifact.Facts{ID: "acme/a", Version: v}}}}
	w, err := resolve.Wish{ID: "acme/a", Channel: "beta"}.Follow(p)
	if err != nil || !w.Range.Has(v) || w.Range.Has(version.MustParse("2.0.0")) {
		t.Errorf("%+v, %v", w, err)
	}
	for _, name := range []string{"none", "gone"} {
		if _, err := (resolve.Wish{ID: "acme/a", Channel: name}).Follow(p); !errors.Is(err, resolve.ErrChannel) || !strings.Contains(err.Error(), "it has beta") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLockOfAChannel(t *testing.T) {
	l := &resolve.Lock{Requests: []resolve.Wish{{ID: "acme/a", Range: version.MustParseRange("=1.0.0"), Channel: "lts", Pre: true}}, Plugins: []resolve.Locked{}}
	text := l.Text()
	again, err := resolve.ParseLock(text)
	if err != nil || len(again.Requests) != 1 || again.Requests[0].Channel != "lts" || string(again.Text()) != string(text) {
		t.Errorf("%+v, %v\n%s", again, err, text)
	}
	if _, err := resolve.ParseLock([]byte(strings.Replace(string(text), `"lts"`, `"latest"`, 1))); err == nil {
		t.Error("a channel that is none is read")
	}
	without := []resolve.Wish{{ID: "acme/a", Range: version.MustParseRange("=1.0.0"), Pre: true}}
	drifted := false
	for _, err := range l.Check(resolve.Host{}, without) {
		_, is := errors.AsType[*resolve.DriftError](err)
		drifted = drifted || is
	}
	if !drifted {
		t.Error("a wish that follows no channel any more is no drift")
	}
}
