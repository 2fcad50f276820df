package registry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/handler"
	"github.com/plugstead/plugstead/registry/memory"
	"github.com/plugstead/plugstead/version"
)

func TestCodesHaveAStatus(t *testing.T) {
	codes := registry.Codes()
	if len(codes) < 20 || !slices.IsSorted(codes) {
		t.Fatalf("codes %v", codes)
	}
	for _, c := range codes {
		if s := c.Status(); s < 400 || s > 599 || http.StatusText(s) == "" {
			t.Errorf("%s has status %d", c, s)
		}
	}
	if registry.Code("MADE_UP").Status() != 0 {
		t.Error("a code that is none has a status")
	}
}

// TestEveryConstantIsInTheTable reads the source, because a constant that the table
// lacks would be an answer without a status.
func TestEveryConstantIsInTheTable(t *testing.T) {
	src, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\tCode\w+ +Code = "([A-Z_]+)"`).FindAllSubmatch(src, -1)
	if len(found) != len(registry.Codes()) {
		t.Errorf("%d constants, %d codes", len(found), len(registry.Codes()))
	}
	for _, m := range found {
		if registry.Code(m[1]).Status() == 0 {
			t.Errorf("%s has no status", m[1])
		}
	}
}

func TestAsError(t *testing.T) {
	own := &registry.Error{Code: registry.CodeDenied, Detail: "no"}
	for _, c := range []struct {
		err  error
		want registry.Code
	}{
		{own, registry.CodeDenied},
		{fmt.Errorf("put: %w", own), registry.CodeDenied},
		{errors.Join(own, errors.New("and more")), registry.CodeDenied},
		{registry.ErrBound, registry.CodeVersionBound},
		{index.ErrNotFound, registry.CodePluginUnknown},
		{registry.ErrNotFound, registry.CodeBlobUnknown},
		{artifact.ErrDigest, registry.CodeDigestInvalid},
		{registry.ErrOffset, registry.CodeUploadInvalid},
		{registry.ErrBusy, registry.CodeTooMany},
		{registry.ErrInvalid, registry.CodePluginInvalid},
		{errors.New("disk on fire at /var/lib/x"), registry.CodeInternal},
		{io.ErrUnexpectedEOF, registry.CodeInternal},
	} {
		for _, err := range []error{c.err, fmt.Errorf("acme/hello 1.0.0: %w", c.err)} {
			e := registry.AsError(err, registry.CodeBlobUnknown)
			if e.Code != c.want || e.Detail == "" {
				t.Errorf("%v: got %v", err, e)
			}
			if e.Code == registry.CodeInternal && strings.Contains(e.Error(), "/var") {
				t.Errorf("%v: tells strangers %v", err, e)
			}
			if c.want != registry.CodeDenied && !errors.Is(e, c.err) {
				t.Errorf("%v: the cause is lost in %v", err, e)
			}
		}
	}
}

func TestErrorClasses(t *testing.T) {
	sentinels := []error{registry.ErrBound, index.ErrNotFound, registry.ErrNotFound, artifact.ErrDigest, registry.ErrBusy}
	want := map[registry.Code][]error{
		registry.CodeVersionBound:    {registry.ErrBound},
		registry.CodePluginUnknown:   {index.ErrNotFound, registry.ErrNotFound},
		registry.CodeBlobUnknown:     {registry.ErrNotFound},
		registry.CodeManifestUnknown: {registry.ErrNotFound},
		registry.CodeUploadUnknown:   {registry.ErrNotFound},
		registry.CodeNameUnknown:     {registry.ErrNotFound},
		registry.CodeReleaseUnknown:  {registry.ErrNotFound},
		registry.CodeDigestInvalid:   {artifact.ErrDigest},
		registry.CodeTooMany:         {registry.ErrBusy},
	}
	for _, code := range registry.Codes() {
		err := fmt.Errorf("acme/hello: %w", &registry.Error{Code: code, Detail: "x"})
		for _, s := range sentinels {
			if errors.Is(err, s) != slices.Contains(want[code], s) {
				t.Errorf("%s is %v: %t", code, s, errors.Is(err, s))
			}
		}
	}
}

// TestErrorsSurviveTheWire sends every code from a handler to a client, in both
// forms.
func TestErrorsSurviveTheWire(t *testing.T) {
	for _, code := range registry.Codes() {
		access := func(*http.Request, handler.Access) (string, error) {
			return "", &registry.Error{Code: code, Detail: "because of " + string(code)}
		}
		s := httptest.NewServer(handler.New(memory.New(), handler.Options{Access: access}))
		defer s.Close()
		c, err := client.New(s.URL, client.Options{Token: "x"})
		if err != nil {
			t.Fatal(err)
		}
		_, problem := c.Yank(t.Context(), registry.Yank{ID: "acme/hello", Version: version.MustParse("1.0.0")})
		manifest := artifact.Describe(artifact.MediaManifest, []byte("{}"))
		oci := c.Target("acme/hello").Put(t.Context(), manifest, strings.NewReader("{}"))
		for form, err := range map[string]error{"problem": problem, "oci": oci} {
			e, ok := errors.AsType[*registry.Error](err)
			if !ok || e.Code != code || e.Detail != "because of "+string(code) {
				t.Errorf("%s %s: %v", form, code, err)
			}
			for _, class := range []error{registry.ErrBound, index.ErrNotFound, registry.ErrNotFound, artifact.ErrDigest, registry.ErrBusy} {
				if errors.Is(err, class) != errors.Is(&registry.Error{Code: code}, class) {
					t.Errorf("%s %s: is %v: %t", form, code, class, errors.Is(err, class))
				}
			}
		}
	}
}

// TestReferencePage compares docs/reference/registry.md with the table, both ways.
func TestReferencePage(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/registry.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[registry.Code]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (\\d+) \\| \\S").FindAllSubmatch(page, -1) {
		listed[registry.Code(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	for _, c := range registry.Codes() {
		if listed[c] != c.Status() {
			t.Errorf("%s has status %d, the page says %d", c, c.Status(), listed[c])
		}
	}
	if len(listed) != len(registry.Codes()) {
		t.Errorf("the page lists %d codes, there are %d", len(listed), len(registry.Codes()))
	}
	for _, route := range []string{registry.RouteDiscovery, registry.RouteOCI, registry.RouteIndex, registry.RouteIndexAt, registry.RouteSearch, registry.RouteYank} {
		if !strings.Contains(string(page), "`GET "+route) && !strings.Contains(string(page), "`PUT "+route) {
			t.Errorf("the page does not list %s", route)
		}
	}
}
