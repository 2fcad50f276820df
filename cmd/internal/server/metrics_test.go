package server_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var series = regexp.MustCompile(`(?m)^plugstead_http_request_seconds_count\{method="([^"]*)",part="([^"]*)",status="(\d+)"\} (\d+)$`)

func TestMetricsCountRequests(t *testing.T) {
	s := start(t, t.TempDir())
	for range 3 {
		s.call(t, "GET", "/v2/", "Bearer "+s.token)
	}
	s.call(t, "GET", "/index/v1/acme/none", "")
	s.call(t, "GET", "/api/v1/search?limit=x", "")
	s.call(t, "POST", "/v2/acme/x/blobs/uploads/", "")
	s.call(t, "GET", "/nowhere", "")
	code, body := s.call(t, "GET", "/metrics", "")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	got := map[string]string{}
	for _, m := range series.FindAllStringSubmatch(body, -1) {
		got[m[1]+" "+m[2]+" "+m[3]] = m[4]
	}
	for key, want := range map[string]string{
		"GET /v2/ 200": "3", "GET /index/ 404": "1", "GET /api/ 400": "1", "POST /v2/ 401": "1", "GET / 404": "1",
	} {
		if got[key] != want {
			t.Errorf("%s: counted %q, want %s", key, got[key], want)
		}
	}
	if !strings.Contains(body, "go_goroutines") {
		t.Error("no metrics of the process")
	}
}

// TestMetricsStayFew sends what strangers make up: it must not become labels.
func TestMetricsStayFew(t *testing.T) {
	s := start(t, t.TempDir())
	for i := range 40 {
		s.call(t, fmt.Sprintf("BREW%d", i), fmt.Sprintf("/v2/acme/x%d/blobs/uploads/", i), "")
		s.call(t, "GET", fmt.Sprintf("/index/v1/acme/x%d", i), "")
		s.call(t, "GET", fmt.Sprintf("/made/up/%d", i), "")
	}
	_, body := s.call(t, "GET", "/metrics", "")
	total := 0
	found := series.FindAllStringSubmatch(body, -1)
	for _, m := range found {
		if strings.HasPrefix(m[1], "BREW") || strings.Contains(m[2], "x1") || strings.Contains(m[2], "made") {
			t.Errorf("label of a stranger: %s", m[0])
		}
		n, err := strconv.Atoi(m[4])
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if len(found) > 3 || total != 120 {
		t.Errorf("%d series count %d requests: %v", len(found), total, found)
	}
}
