package registrytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// Conformance checks that backends serve OCI Distribution 1.1, in a namespace of kind oci.
// open gives an empty backend. Every case is one sentence of the specification, or of
// docs/reference/registry.md where that says more; most of them run for both algorithms of
// digests.
func Conformance(t *testing.T, open func(*testing.T) registry.Backend) {
	b := open(t)
	ns := &registry.Namespace{Name: "oci", Kind: registry.KindOCI}
	if _, err := b.Commit(t.Context(), registry.Commit{Namespace: ns, Actor: "tester"}); err != nil {
		t.Fatal(err)
	}
	n := ConformanceAt(t, Serve(t, b).URL, Token, ns.Name)
	t.Logf("%d cases", n)
}

// ConformanceAt is Conformance for a registry that runs at a URL, in new repositories of a
// namespace in which the token may do everything. It returns the number of cases.
func ConformanceAt(t *testing.T, url, token, namespace string) int {
	n := 0
	for _, part := range []struct {
		name  string
		cases []ociCase
	}{
		{"pull", ociPull},
		{"pull ranges", ociRanges},
		{"push blobs", ociBlobs},
		{"push in chunks", ociChunks},
		{"mount", ociMounts},
		{"push manifests", ociManifests},
		{"refuse manifests", ociRefusals},
		{"tags", ociTags},
		{"referrers", ociReferrers},
		{"delete", ociDeletes},
		{"form", ociForms},
	} {
		t.Run(part.name, func(t *testing.T) {
			for i, c := range part.cases {
				algorithms := []artifact.Algorithm{artifact.SHA256, artifact.SHA512}
				if c.once {
					algorithms = algorithms[:1]
				}
				for _, a := range algorithms {
					n++
					repo := fmt.Sprintf("%s/%s/%d-%s", namespace, strings.ReplaceAll(part.name, " ", "-"), i, a)
					t.Run(c.name+"/"+string(a), func(t *testing.T) { c.run(&oci{t, url, token, repo, a}) })
				}
			}
		})
	}
	return n
}

// ociCase is one requirement.
type ociCase struct {
	name string
	run  func(*oci)
	once bool // digests do not matter
}

// oci is a case that runs: it has a repository and an algorithm of its own.
type oci struct {
	*testing.T
	url, token string
	repo       string
	algorithm  artifact.Algorithm
}

// in is the same case in another repository.
func (o *oci) in(repo string) *oci {
	x := *o
	x.repo = repo
	return &x
}

// answer is what came back.
type answer struct {
	o      *oci
	what   string // was asked
	status int
	header http.Header
	body   string
}

// send makes a request to a path of the registry or to a Location. Headers come in pairs.
func (o *oci) send(method, to string, body io.Reader, header ...string) answer {
	o.Helper()
	base, err := url.Parse(o.url)
	if err != nil {
		o.Fatal(err)
	}
	at, err := base.Parse(to)
	if err != nil {
		o.Fatal(err)
	}
	r, err := http.NewRequestWithContext(o.Context(), method, at.String(), body)
	if err != nil {
		o.Fatal(err)
	}
	r.SetBasicAuth("any", o.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.Fatal(err)
	}
	return answer{o, method + " " + to, res.StatusCode, res.Header, string(b)}
}

func (o *oci) get(to string, header ...string) answer {
	o.Helper()
	return o.send("GET", to, nil, header...)
}

func (o *oci) head(to string, header ...string) answer {
	o.Helper()
	return o.send("HEAD", to, nil, header...)
}

func (o *oci) delete(to string) answer {
	o.Helper()
	return o.send("DELETE", to, nil)
}

// bytes sends a part of a blob.
func (o *oci) bytes(method, to, body string, header ...string) answer {
	o.Helper()
	return o.send(method, to, strings.NewReader(body), append([]string{"Content-Type", "application/octet-stream"}, header...)...)
}

// is fails unless the status is one of these.
func (a answer) is(status ...int) answer {
	a.o.Helper()
	if !slices.Contains(status, a.status) {
		a.o.Errorf("%s: %d %.300s, want %d", a.what, a.status, a.body, status)
	}
	return a
}

// code fails unless the body is an error with this code.
func (a answer) code(want registry.Code) answer {
	a.o.Helper()
	var x struct {
		Errors []struct{ Code registry.Code }
	}
	if err := json.Unmarshal([]byte(a.body), &x); err != nil || len(x.Errors) != 1 || x.Errors[0].Code != want {
		a.o.Errorf("%s: %d %.300s, want %s", a.what, a.status, a.body, want)
	}
	return a
}

// has fails unless a header has this value; "" is none.
func (a answer) has(name, want string) answer {
	a.o.Helper()
	if got := strings.Join(a.header.Values(name), ", "); got != want {
		a.o.Errorf("%s: %s is %q, want %q", a.what, name, got, want)
	}
	return a
}

// says fails unless this is the body.
func (a answer) says(want string) answer {
	a.o.Helper()
	if a.body != want {
		a.o.Errorf("%s: body %.300q of %d bytes, want %.300q of %d", a.what, a.body, len(a.body), want, len(want))
	}
	return a
}

// location returns where something is.
func (a answer) location() string {
	a.o.Helper()
	l := a.header.Get("Location")
	if l == "" {
		a.o.Fatalf("%s: %d %.300s without a Location", a.what, a.status, a.body)
	}
	return l
}

// digest names content.
func (o *oci) digest(content string) string { return string(o.algorithm.DigestOf([]byte(content))) }

func (o *oci) blob(digest string) string      { return "/v2/" + o.repo + "/blobs/" + digest }
func (o *oci) manifest(ref string) string     { return "/v2/" + o.repo + "/manifests/" + ref }
func (o *oci) tags(query string) string       { return "/v2/" + o.repo + "/tags/list" + query }
func (o *oci) referrers(digest string) string { return "/v2/" + o.repo + "/referrers/" + digest }
func (o *oci) uploads(query string) string    { return "/v2/" + o.repo + "/blobs/uploads/" + query }

// with adds a digest to the Location of an upload, which may have a query.
func with(location, digest string) string {
	if strings.Contains(location, "?") {
		return location + "&digest=" + digest
	}
	return location + "?digest=" + digest
}

// begin begins an upload.
func (o *oci) begin() string {
	o.Helper()
	return o.send("POST", o.uploads("?digest-algorithm="+string(o.algorithm)), nil).is(202).location()
}

// pushed pushes a blob and returns its digest.
func (o *oci) pushed(content string) string {
	o.Helper()
	d := o.digest(content)
	o.bytes("PUT", with(o.begin(), d), content).is(201)
	return d
}

// object is JSON that is being made.
type object map[string]any

// descriptor points to content.
func (o *oci) descriptor(media, content string) object {
	return object{"mediaType": media, "digest": o.digest(content), "size": len(content)}
}

// image makes a manifest of an artifact with a config, which is pushed. What is in more takes
// the place of what is there; nil takes it away.
func (o *oci) image(more object) string {
	o.Helper()
	o.pushed("{}")
	return o.text(object{
		"schemaVersion": 2, "mediaType": artifact.MediaManifest, "artifactType": "application/vnd.example.thing",
		"config": o.descriptor(artifact.MediaEmpty, "{}"), "layers": []object{},
	}, more)
}

// index makes an index.
func (o *oci) index(more object) string {
	o.Helper()
	return o.text(object{"schemaVersion": 2, "mediaType": artifact.MediaIndex, "manifests": []object{}}, more)
}

func (o *oci) text(x, more object) string {
	o.Helper()
	for k, v := range more {
		if x[k] = v; v == nil {
			delete(x, k)
		}
	}
	b, err := json.Marshal(x)
	if err != nil {
		o.Fatal(err)
	}
	return string(b)
}

// put pushes a manifest as what it says it is.
func (o *oci) put(ref, raw string, header ...string) answer {
	o.Helper()
	var x struct{ MediaType string }
	_ = json.Unmarshal([]byte(raw), &x) // some are not JSON
	return o.send("PUT", o.manifest(ref), strings.NewReader(raw), append([]string{"Content-Type", x.MediaType}, header...)...)
}

// tagged pushes an image under tags and returns it with its digest.
func (o *oci) tagged(more object, tags ...string) (raw, digest string) {
	o.Helper()
	raw = o.image(more)
	digest = o.digest(raw)
	o.put(digest, raw).is(201)
	for _, tag := range tags {
		o.put(digest+"?tag="+tag, raw).is(201)
	}
	return raw, digest
}
