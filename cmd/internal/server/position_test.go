package server_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/plugstead/plugstead/internal/plugintest"
)

// TestPositionAcrossReplicas waits at one replica for changes that another one makes.
func TestPositionAcrossReplicas(t *testing.T) {
	env := places(t)
	writer, reader := spawn(t, t.TempDir(), env...), spawn(t, t.TempDir(), env...)
	plugintest.Push(t, writer.client(t, writer.token).Target("acme/hello"), plugintest.Pack(t, "acme/hello", "1.0.0"))
	change := func(method string) (position int64) {
		t.Helper()
		code, body := writer.call(t, method, "/api/v1/plugins/acme/hello/versions/1.0.0/yank", "Bearer "+writer.token)
		var x struct{ Position int64 }
		if err := json.Unmarshal([]byte(body), &x); code != 200 || err != nil || x.Position == 0 {
			t.Fatalf("%d %s, %v", code, body, err)
		}
		return x.Position
	}
	at := func(position int64) string { return fmt.Sprintf("/index/v1/revision?position=%d", position) }
	position := change("PUT")
	if code, body := reader.call(t, "GET", at(position), ""); code != 200 {
		t.Errorf("a change that was made: %d %s", code, body)
	}
	answer := make(chan int, 1)
	go func() {
		code, _ := reader.call(t, "GET", at(position+1), "")
		answer <- code
	}()
	if next := change("DELETE"); next <= position {
		t.Errorf("position %d behind %d", next, position)
	}
	if code := <-answer; code != 200 {
		t.Errorf("a change that comes: %d", code)
	}
}
