package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/registry/client"
)

func TestClock(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		date   []string // of the header; nil: none
		status int
		want   time.Time
	}{
		{[]string{at.Format(http.TimeFormat)}, http.StatusOK, at},
		{[]string{at.Format(http.TimeFormat)}, http.StatusNotFound, at},
		{[]string{"yesterday"}, http.StatusOK, time.Time{}},
		{nil, http.StatusOK, time.Time{}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = c.date
			w.WriteHeader(c.status)
		}))
		x, err := client.New(s.URL, client.Options{Retry: fetch.Retry{Times: -1}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.Clock(t.Context()); err != nil || !got.Equal(c.want) {
			t.Errorf("%v: %s, %v", c, got, err)
		}
		s.Close()
		if _, err := x.Clock(t.Context()); !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("nobody there: %v", err)
		}
	}
}
