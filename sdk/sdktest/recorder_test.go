package sdktest_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

func TestRecorder(t *testing.T) {
	var log sdktest.Recorder
	p := sdktest.Start(t, testplugin.ID, sdktest.Options{Log: log.Logger()})
	if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Log: "hear", Debug: "whisper"}); err != nil {
		t.Fatal(err)
	}
	list := log.Records()
	if len(list) != 2 || list[0].Message != "hear" || list[0].Level != slog.LevelWarn || list[1].Level != slog.LevelDebug {
		t.Fatalf("%+v", list)
	}
	want := map[string]any{"a": int64(1), "g.b": "two", "g.n": int64(-5), "g.on": true, "g.d": time.Second, "g.in.x": "y"}
	for k, v := range want {
		if !reflect.DeepEqual(list[0].Attrs[k], v) {
			t.Errorf("%s is %v, want %v", k, list[0].Attrs[k], v)
		}
	}
	if list[1].Attrs["a"] != nil {
		t.Error("attributes of one logger in the records of another")
	}
}

func TestRecorderAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r sdktest.Recorder
		log := r.Logger()
		go func() {
			time.Sleep(time.Second)
			log.Info("other")
			time.Sleep(time.Second)
			log.WithGroup("").Info("late", "k", "v")
		}()
		x, err := r.Await(t.Context(), "late")
		if err != nil || x.Attrs["k"] != "v" {
			t.Error(x, err)
		}
		if x, err = r.Await(t.Context(), "other"); err != nil || x.Message != "other" {
			t.Error(x, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r.Await(ctx, "never"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
