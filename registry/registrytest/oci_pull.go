package registrytest

import (
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

const docker = "application/vnd.docker.distribution.manifest"

// ociPull are requirements of "Pulling manifests", "Pulling blobs" and "Checking if content
// exists in the registry".
var ociPull = []ociCase{
	{name: "a manifest by tag", run: func(o *oci) {
		raw, d := o.tagged(nil, "latest")
		o.get(o.manifest("latest")).is(200).says(raw).has("Docker-Content-Digest", d)
	}},
	{name: "a manifest by digest", run: func(o *oci) {
		raw, d := o.tagged(nil)
		o.get(o.manifest(d)).is(200).says(raw).has("Docker-Content-Digest", d)
	}},
	{name: "HEAD of a manifest by tag", run: func(o *oci) {
		raw, d := o.tagged(nil, "latest")
		o.head(o.manifest("latest")).is(200).says("").has("Docker-Content-Digest", d).has("Content-Length", strconv.Itoa(len(raw)))
	}},
	{name: "HEAD of a manifest by digest", run: func(o *oci) {
		raw, d := o.tagged(nil)
		o.head(o.manifest(d)).is(200).says("").has("Docker-Content-Digest", d).has("Content-Length", strconv.Itoa(len(raw)))
	}},
	{name: "Content-Type is the one of the push, without parameters", once: true, run: func(o *oci) {
		for _, media := range []string{artifact.MediaManifest, artifact.MediaIndex, docker + ".v2+json", docker + ".list.v2+json"} {
			raw := `{"schemaVersion":2,"x":"` + media + `"}`
			o.send("PUT", o.manifest("a"), strings.NewReader(raw), "Content-Type", media+"; charset=utf-8").is(201)
			o.get(o.manifest("a")).is(200).has("Content-Type", media)
			raw = `{"schemaVersion":2,"mediaType":"` + media + `"}`
			o.put("b", raw).is(201)
			o.get(o.manifest(o.digest(raw))).is(200).has("Content-Type", media)
		}
	}},
	{name: "a manifest whatever Accept says", run: func(o *oci) {
		raw, _ := o.tagged(nil, "latest")
		for _, accept := range []string{"", "*/*", "application/json", "text/html;q=0.1", artifact.MediaIndex, artifact.MediaManifest, "nonsense;;", docker + ".v1+prettyjws"} {
			o.get(o.manifest("latest"), "Accept", accept).is(200).says(raw).has("Content-Type", artifact.MediaManifest)
		}
	}},
	{name: "a tag that is not there", once: true, run: func(o *oci) {
		o.tagged(nil, "latest")
		o.get(o.manifest("none")).is(404).code(registry.CodeManifestUnknown)
		o.head(o.manifest("none")).is(404).says("")
	}},
	{name: "a manifest that is not there", run: func(o *oci) {
		o.tagged(nil)
		o.get(o.manifest(o.digest("nothing"))).is(404).code(registry.CodeManifestUnknown)
		o.head(o.manifest(o.digest("nothing"))).is(404).says("")
	}},
	{name: "a repository that is not there", run: func(o *oci) {
		o.get(o.manifest("latest")).is(404)
		o.get(o.manifest(o.digest("x"))).is(404)
		o.get(o.blob(o.digest("x"))).is(404)
	}},
	{name: "a malformed tag is not there", once: true, run: func(o *oci) {
		o.tagged(nil, "latest")
		for _, tag := range []string{".INVALID_MANIFEST_NAME", "-x", "a@b", strings.Repeat("a", 129), "%E2%80%AE", "a%00"} {
			o.get(o.manifest(tag)).is(404)
			o.head(o.manifest(tag)).is(404)
		}
	}},
	{name: "the longest tag", once: true, run: func(o *oci) {
		tag := strings.Repeat("a", 128)
		raw, _ := o.tagged(nil, tag)
		o.get(o.manifest(tag)).is(200).says(raw)
	}},
	{name: "a manifest that is known is not sent again", run: func(o *oci) {
		raw, d := o.tagged(nil, "latest")
		tag := o.get(o.manifest("latest")).header.Get("ETag")
		for _, ref := range []string{"latest", d} {
			o.get(o.manifest(ref), "If-None-Match", tag).is(304).says("").has("ETag", tag)
			o.head(o.manifest(ref), "If-None-Match", `"x", W/`+tag).is(304).says("")
			o.get(o.manifest(ref), "If-None-Match", `"x"`).is(200).says(raw)
		}
	}},
	{name: "the ETag of a tag changes when the tag moves", run: func(o *oci) {
		o.tagged(nil, "latest")
		before := o.head(o.manifest("latest")).header.Get("ETag")
		raw, _ := o.tagged(object{"artifactType": "application/vnd.example.other"}, "latest")
		o.get(o.manifest("latest"), "If-None-Match", before).is(200).says(raw)
	}},
	{name: "a blob", run: func(o *oci) {
		d := o.pushed("hello")
		o.get(o.blob(d)).is(200).says("hello").has("Docker-Content-Digest", d).has("Content-Length", "5")
	}},
	{name: "HEAD of a blob", run: func(o *oci) {
		d := o.pushed("hello")
		o.head(o.blob(d)).is(200).says("").has("Docker-Content-Digest", d).has("Content-Length", "5")
	}},
	{name: "an empty blob", run: func(o *oci) {
		d := o.pushed("")
		o.get(o.blob(d)).is(200).says("").has("Docker-Content-Digest", d)
		o.head(o.blob(d)).is(200).has("Content-Length", "0")
	}},
	{name: "a blob that is not there", run: func(o *oci) {
		o.pushed("hello")
		o.get(o.blob(o.digest("none"))).is(404).code(registry.CodeBlobUnknown)
		o.head(o.blob(o.digest("none"))).is(404).says("")
	}},
	{name: "a blob of another repository", run: func(o *oci) {
		d := o.in(o.repo + "/other").pushed("hello")
		o.get(o.blob(d)).is(404)
		o.head(o.blob(d)).is(404)
	}},
	{name: "a malformed digest", once: true, run: func(o *oci) {
		for _, d := range []string{"sha256:0", "sha512:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("A", 64), "latest"} {
			o.get(o.blob(d)).is(400, 404)
			o.head(o.blob(d)).is(400, 404)
		}
	}},
	{name: "a digest of an algorithm that is not known", once: true, run: func(o *oci) {
		o.get(o.blob("blake3:" + strings.Repeat("0", 64))).is(404)
		o.get(o.manifest("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8")).is(404)
	}},
	{name: "a blob that is known is not sent again", run: func(o *oci) {
		d := o.pushed("hello")
		tag := o.head(o.blob(d)).header.Get("ETag")
		o.get(o.blob(d), "If-None-Match", tag).is(304).says("")
		o.head(o.blob(d), "If-None-Match", tag).is(304)
		o.get(o.blob(d), "If-None-Match", `"x"`).is(200).says("hello")
	}},
	{name: "names of one part and of many", run: func(o *oci) {
		ns, _, _ := strings.Cut(o.repo, "/")
		for _, repo := range []string{ns, o.repo + "/a/b/c/d", o.repo + "/a.b/c_d/e__f/g--h", o.repo + "/blobs/uploads", o.repo + "/manifests", o.repo + "/tags/list"} {
			x := o.in(repo)
			raw, d := x.tagged(object{"annotations": object{"of": o.repo}}, "latest")
			x.get(x.manifest("latest")).is(200).says(raw)
			x.get(x.manifest(d)).is(200).says(raw)
			x.get(x.blob(x.digest("{}"))).is(200).says("{}")
			x.get(x.tags("?n=1")).is(200)
		}
	}},
}

// ociRanges are RFC 9110 (section 14), which the specification refers to.
var ociRanges = []ociCase{
	{name: "a range", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=2-4").is(206).says("234").has("Content-Range", "bytes 2-4/10").has("Content-Length", "3")
	}},
	{name: "the first and the last byte", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=0-0").is(206).says("0").has("Content-Range", "bytes 0-0/10")
		o.get(o.blob(d), "Range", "bytes=9-9").is(206).says("9").has("Content-Range", "bytes 9-9/10")
	}},
	{name: "an open range", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=7-").is(206).says("789").has("Content-Range", "bytes 7-9/10")
		o.get(o.blob(d), "Range", "bytes=0-").is(206).says("0123456789")
	}},
	{name: "a suffix", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=-3").is(206).says("789").has("Content-Range", "bytes 7-9/10")
	}},
	{name: "a suffix that is longer than the blob", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=-99").is(206).says("0123456789")
	}},
	{name: "an end behind the blob", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=8-99").is(206).says("89").has("Content-Range", "bytes 8-9/10")
	}},
	{name: "a range behind the blob", run: func(o *oci) {
		d := o.pushed("0123456789")
		a := o.get(o.blob(d), "Range", "bytes=10-").is(416).has("Content-Range", "bytes */10").has("Docker-Content-Digest", "").has("ETag", "")
		if strings.Contains(a.header.Get("Cache-Control"), "max-age") {
			o.Errorf("an error is cached: %v", a.header)
		}
	}},
	{name: "HEAD has no range", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.head(o.blob(d), "Range", "bytes=2-4").is(200).has("Content-Length", "10").has("Accept-Ranges", "bytes")
	}},
	{name: "ranges are announced", run: func(o *oci) {
		o.get(o.blob(o.pushed("0123456789"))).is(200).has("Accept-Ranges", "bytes")
	}},
	{name: "If-Range with the ETag gives the range", run: func(o *oci) {
		d := o.pushed("0123456789")
		tag := o.head(o.blob(d)).header.Get("ETag")
		o.get(o.blob(d), "Range", "bytes=2-4", "If-Range", tag).is(206).says("234")
	}},
	{name: "If-Range with another ETag gives everything", run: func(o *oci) {
		d := o.pushed("0123456789")
		o.get(o.blob(d), "Range", "bytes=2-4", "If-Range", `"x"`).is(200).says("0123456789")
	}},
}
