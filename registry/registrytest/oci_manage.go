package registrytest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// ociDeletes are requirements of "Content Management".
var ociDeletes = []ociCase{
	{name: "a tag", run: func(o *oci) {
		raw, d := o.tagged(nil, "a", "b")
		o.delete(o.manifest("a")).is(202)
		o.get(o.manifest("a")).is(404)
		o.get(o.manifest("b")).is(200).says(raw)
		o.get(o.manifest(d)).is(200).says(raw)
		o.same("tags", o.get(o.tags("")).listed(), []string{"b"})
	}},
	{name: "a tag that is not there", once: true, run: func(o *oci) {
		o.delete(o.manifest("a")).is(404)
		o.tagged(nil, "b")
		o.delete(o.manifest("a")).is(404).code(registry.CodeManifestUnknown)
		o.delete(o.manifest("b")).is(202)
		o.delete(o.manifest("b")).is(404)
	}},
	{name: "a malformed tag", once: true, run: func(o *oci) { o.delete(o.manifest(".x")).is(400, 404) }},
	{name: "a manifest with its tags", run: func(o *oci) {
		_, d := o.tagged(nil, "a", "b")
		other, _ := o.tagged(object{"annotations": object{"n": "2"}}, "c")
		o.delete(o.manifest(d)).is(202)
		for _, ref := range []string{d, "a", "b"} {
			o.get(o.manifest(ref)).is(404)
			o.head(o.manifest(ref)).is(404)
		}
		o.get(o.manifest("c")).is(200).says(other)
		o.same("tags", o.get(o.tags("")).listed(), []string{"c"})
	}},
	{name: "a manifest that is not there", run: func(o *oci) {
		o.delete(o.manifest(o.digest("x"))).is(404)
		_, d := o.tagged(nil)
		o.delete(o.manifest(o.digest("x"))).is(404).code(registry.CodeManifestUnknown)
		o.delete(o.manifest(d)).is(202)
		o.delete(o.manifest(d)).is(404)
	}},
	{name: "a malformed digest", run: func(o *oci) {
		o.delete(o.manifest(o.digest("x")+"0")).is(400, 404)
		o.delete(o.blob(o.digest("x")+"0")).is(400, 404)
		o.delete(o.blob("latest")).is(400, 404)
	}},
	{name: "a manifest leaves its blobs", run: func(o *oci) {
		_, d := o.tagged(nil)
		o.delete(o.manifest(d)).is(202)
		o.get(o.blob(o.digest("{}"))).is(200).says("{}")
	}},
	{name: "a manifest leaves that of another repository", run: func(o *oci) {
		x := o.in(o.repo + "/other")
		raw, d := x.tagged(nil, "a")
		o.tagged(nil, "a")
		o.delete(o.manifest(d)).is(202)
		x.get(x.manifest("a")).is(200).says(raw)
	}},
	{name: "a manifest can come again", run: func(o *oci) {
		raw, d := o.tagged(nil, "a")
		o.delete(o.manifest(d)).is(202)
		o.put(d+"?tag=a", raw).is(201)
		o.get(o.manifest("a")).is(200).says(raw)
	}},
	{name: "a tag can come again", run: func(o *oci) {
		raw, d := o.tagged(nil, "a")
		o.delete(o.manifest("a")).is(202)
		o.put(d+"?tag=a", raw).is(201)
		o.get(o.manifest("a")).is(200).says(raw)
	}},
	{name: "a manifest of an index", run: func(o *oci) {
		image, d := o.tagged(nil)
		raw := o.index(object{"manifests": []object{o.descriptor(artifact.MediaManifest, image)}})
		o.put("list", raw).is(201)
		o.delete(o.manifest(o.get(o.manifest("list")).header.Get("Docker-Content-Digest"))).is(202)
		o.get(o.manifest("list")).is(404)
		o.get(o.manifest(d)).is(200).says(image)
		o.delete(o.manifest(d)).is(202)
	}},
	{name: "a referrer is listed no more", run: func(o *oci) {
		a, b := o.refer("x", object{"artifactType": "text/a"}), o.refer("x", object{"artifactType": "text/b"})
		o.delete(o.manifest(a)).is(202)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), []string{b})
		o.delete(o.manifest(b)).is(202)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), nil)
	}},
	{name: "a subject leaves its referrers", run: func(o *oci) {
		raw, d := o.tagged(nil)
		a := o.refer(raw, object{"artifactType": "text/a"})
		o.delete(o.manifest(d)).is(202)
		o.same("referrers", names(o.get(o.referrers(d)).entries()), []string{a})
	}},
	{name: "a blob", run: func(o *oci) {
		d := o.pushed("hello")
		o.delete(o.blob(d)).is(202)
		o.get(o.blob(d)).is(404)
		o.head(o.blob(d)).is(404)
		o.delete(o.blob(d)).is(404).code(registry.CodeBlobUnknown)
	}},
	{name: "a blob that is not there", run: func(o *oci) {
		o.delete(o.blob(o.digest("x"))).is(404)
		o.pushed("y")
		o.delete(o.blob(o.digest("x"))).is(404).code(registry.CodeBlobUnknown)
	}},
	{name: "a blob leaves that of another repository", run: func(o *oci) {
		x := o.in(o.repo + "/other")
		d := x.pushed("hello")
		o.pushed("hello")
		o.delete(o.blob(d)).is(202)
		x.get(x.blob(d)).is(200).says("hello")
	}},
	{name: "a blob can come again", run: func(o *oci) {
		d := o.pushed("hello")
		o.delete(o.blob(d)).is(202)
		o.pushed("hello")
		o.get(o.blob(d)).is(200).says("hello")
	}},
	{name: "no manifest can name a blob that is deleted", run: func(o *oci) {
		d := o.pushed("hello")
		o.delete(o.blob(d)).is(202)
		o.refused(object{"layers": []object{o.descriptor("text/plain", "hello")}}, registry.CodeChildUnknown)
	}},
}

// codes are those that the specification knows.
var ociCodes = []registry.Code{
	registry.CodeBlobUnknown, registry.CodeUploadInvalid, registry.CodeUploadUnknown, registry.CodeDigestInvalid, registry.CodeChildUnknown,
	registry.CodeManifestInvalid, registry.CodeManifestUnknown, registry.CodeNameInvalid, registry.CodeNameUnknown, registry.CodeSizeInvalid,
	registry.CodeUnauthorized, registry.CodeDenied, registry.CodeUnsupported, registry.CodeTooMany,
}

// failed fails unless an answer is an error of the form in "Error Codes".
func (a answer) failed() {
	a.o.Helper()
	var x struct {
		Errors []struct {
			Code    registry.Code
			Message string
		}
	}
	err := json.Unmarshal([]byte(a.body), &x)
	if err != nil || len(x.Errors) == 0 || !slices.Contains(ociCodes, x.Errors[0].Code) || x.Errors[0].Message == "" || a.status < 400 || a.status >= 500 {
		a.o.Errorf("%s: %d %.300s", a.what, a.status, a.body)
	}
	a.has("Content-Type", "application/json").has("X-Content-Type-Options", "nosniff").has("Docker-Content-Digest", "").has("ETag", "").has("Cache-Control", "no-store")
}

// ociForms are requirements of "Determining Support", "Endpoints" and "Error Codes".
var ociForms = []ociCase{
	{name: "the registry says that it is one", once: true, run: func(o *oci) { o.get("/v2/").is(200); o.head("/v2/").is(200) }},
	{name: "errors", run: func(o *oci) {
		d := o.digest("x")
		for _, to := range []string{o.blob(d), o.blob("x"), o.manifest("x"), o.manifest(d), o.tags(""), o.referrers("x"), o.uploads("x")} {
			o.get(to).failed()
		}
		o.bytes("PUT", with(o.begin(), d), "y").failed()
		o.bytes("PATCH", o.begin(), "y", "Content-Range", "5-5").failed()
		o.put("x", "y", "Content-Type", artifact.MediaManifest).failed()
		o.put(d, o.image(nil)).failed()
		o.delete(o.manifest("x")).failed()
	}},
	{name: "names of repositories that are none", once: true, run: func(o *oci) {
		for _, name := range []string{"Oci/x", "oci/-x", "oci/x-", "oci/x..y", "oci/x___y", "oci/é", "oci/x%20", "oci/x%00", "oci/" + strings.Repeat("x", 252)} {
			o.get(o.in(name).tags("")).is(400).code(registry.CodeNameInvalid)
			o.send("POST", o.in(name).uploads(""), nil).is(400).code(registry.CodeNameInvalid)
		}
	}},
	{name: "methods that are not possible", once: true, run: func(o *oci) {
		d := o.digest("x")
		for to, allow := range map[string]string{
			o.blob(d): "GET, HEAD, DELETE", o.manifest("x"): "GET, HEAD, PUT, DELETE", o.tags(""): "GET, HEAD", o.referrers(d): "GET, HEAD",
			o.uploads(""): "POST", o.uploads("x"): "GET, HEAD, PATCH, PUT, DELETE",
		} {
			o.send("BREW", to, nil).is(405).code(registry.CodeUnsupported).has("Allow", allow)
		}
	}},
	{name: "routes that are not there", once: true, run: func(o *oci) {
		for _, to := range []string{"/v2/" + o.repo, "/v2/_catalog", "/v2/" + o.repo + "/secrets/x", "/v2/" + o.repo + "/tags/other", "/v2/manifests/x"} {
			o.get(to).is(404)
		}
	}},
	{name: "who may not push is told how to", once: true, run: func(o *oci) {
		for _, token := range []string{"", "wrong"} {
			x := *o
			x.token = token
			a := x.send("POST", x.uploads(""), nil).is(http.StatusUnauthorized).code(registry.CodeUnauthorized)
			if a.header.Get("WWW-Authenticate") == "" {
				o.Error("no challenge")
			}
			x.put("x", "{}").is(http.StatusUnauthorized)
			x.delete(x.manifest("x")).is(http.StatusUnauthorized)
			x.delete(x.blob(x.digest("x"))).is(http.StatusUnauthorized)
		}
	}},
	{name: "no browser guesses, and only content has a digest", run: func(o *oci) {
		raw, d := o.tagged(nil, "a")
		o.get(o.manifest("a")).is(200).says(raw).has("X-Content-Type-Options", "nosniff")
		o.get(o.blob(o.digest("{}"))).is(200).has("X-Content-Type-Options", "nosniff")
		o.get(o.referrers(d)).is(200).has("X-Content-Type-Options", "nosniff").has("Docker-Content-Digest", "")
		o.get(o.tags("")).is(200).has("X-Content-Type-Options", "nosniff").has("Docker-Content-Digest", "")
		o.send("POST", o.uploads(""), nil).is(202).has("Docker-Content-Digest", "")
	}},
}
