package registrytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// listed returns the tags of an answer.
func (a answer) listed() []string {
	a.o.Helper()
	var x struct {
		Name string
		Tags []string
	}
	if err := json.Unmarshal([]byte(a.is(200).body), &x); err != nil || x.Name != a.o.repo || x.Tags == nil {
		a.o.Errorf("%s: %s", a.what, a.body)
	}
	return x.Tags
}

// next returns where a list goes on, or "".
func (a answer) next() string {
	a.o.Helper()
	link := a.header.Get("Link")
	to, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if link != "" && strings.ReplaceAll(rel, " ", "") != `;rel="next"` {
		a.o.Errorf("%s: Link %s", a.what, link)
	}
	return to
}

// some pushes an image with tags, in an order that is not theirs.
func (o *oci) some() []string {
	o.tagged(nil, "v2", "a", "10", "Z", "_x", "v10", "b.c-d")
	return []string{"10", "Z", "_x", "a", "b.c-d", "v10", "v2"}
}

// same fails unless two lists are.
func (o *oci) same(what string, got, want []string) {
	o.Helper()
	if !slices.Equal(got, want) {
		o.Errorf("%s: %q, want %q", what, got, want)
	}
}

// ociTags are requirements of "Listing Tags".
var ociTags = []ociCase{
	{name: "all, by the order of their bytes", run: func(o *oci) {
		want := o.some()
		a := o.get(o.tags(""))
		o.same("tags", a.listed(), want)
		a.has("Link", "").has("Content-Type", "application/json")
	}},
	{name: "HEAD", once: true, run: func(o *oci) {
		o.some()
		o.head(o.tags("")).is(200).says("")
	}},
	{name: "none", once: true, run: func(o *oci) {
		o.tagged(nil)
		o.same("tags", o.get(o.tags("")).listed(), []string{})
		o.same("tags", o.get(o.tags("?n=5")).has("Link", "").listed(), []string{})
	}},
	{name: "n", run: func(o *oci) {
		want := o.some()
		o.same("n=3", o.get(o.tags("?n=3")).listed(), want[:3])
	}},
	{name: "n is 0", once: true, run: func(o *oci) {
		o.some()
		o.same("n=0", o.get(o.tags("?n=0")).has("Link", "").listed(), []string{})
		o.same("n=0", o.get(o.tags("?n=0&last=a")).has("Link", "").listed(), []string{})
	}},
	{name: "n is the number of tags, or more", once: true, run: func(o *oci) {
		want := o.some()
		o.same("all", o.get(o.tags(fmt.Sprintf("?n=%d", len(want)))).has("Link", "").listed(), want)
		o.same("more", o.get(o.tags("?n=1000000")).has("Link", "").listed(), want)
	}},
	{name: "last", once: true, run: func(o *oci) {
		want := o.some()
		o.same("last", o.get(o.tags("?last=a")).has("Link", "").listed(), want[4:])
		o.same("of all", o.get(o.tags("?last=v2")).has("Link", "").listed(), []string{})
	}},
	{name: "last that is no tag here", once: true, run: func(o *oci) {
		want := o.some()
		o.same("between", o.get(o.tags("?last=aa")).listed(), want[4:])
		o.same("behind", o.get(o.tags("?last=zzz")).listed(), []string{})
		o.same("before", o.get(o.tags("?last=0")).listed(), want)
	}},
	{name: "n and last", once: true, run: func(o *oci) {
		want := o.some()
		o.same("2 behind Z", o.get(o.tags("?n=2&last=Z")).listed(), want[2:4])
	}},
	{name: "Link leads through all", once: true, run: func(o *oci) {
		want := o.some()
		for n := 1; n <= len(want); n++ {
			var got []string
			pages := 0
			for at := o.tags(fmt.Sprintf("?n=%d", n)); at != ""; pages++ {
				a := o.get(at)
				got, at = append(got, a.listed()...), a.next()
			}
			o.same("pages", got, want)
			if pages != (len(want)+n-1)/n {
				o.Errorf("%d pages of %d", pages, n)
			}
		}
	}},
	{name: "n and last that make no sense", once: true, run: func(o *oci) {
		o.some()
		for _, query := range []string{"?n=-1", "?n=x", "?n=1.5", "?n=99999999999999999999", "?n=%00", "?last=%00", "?last=%ff", "?last=a/b"} {
			o.get(o.tags(query)).is(400)
		}
	}},
	{name: "a repository that is not there", once: true, run: func(o *oci) {
		o.get(o.tags("")).is(404).code(registry.CodeNameUnknown)
		o.get(o.tags("?n=0")).is(404)
		o.get(o.tags("?last=a")).is(200, 404)
	}},
	{name: "tags of digests of both algorithms", run: func(o *oci) {
		o.tagged(nil, "a")
		o.put("b", o.image(nil)).is(201)
		o.same("tags", o.get(o.tags("")).listed(), []string{"a", "b"})
	}},
}

// entries returns the descriptors of a list of referrers.
func (a answer) entries() []artifact.Descriptor {
	a.o.Helper()
	var x struct {
		SchemaVersion int
		MediaType     string
		Manifests     []artifact.Descriptor
	}
	a.is(200).has("Content-Type", artifact.MediaIndex)
	if err := json.Unmarshal([]byte(a.body), &x); err != nil || x.SchemaVersion != 2 || x.MediaType != artifact.MediaIndex || x.Manifests == nil {
		a.o.Errorf("%s: %.300s", a.what, a.body)
	}
	return x.Manifests
}

// names lists the digests of descriptors.
func names(list []artifact.Descriptor) (out []string) {
	for _, d := range list {
		out = append(out, string(d.Digest))
	}
	slices.Sort(out)
	return out
}

// refer pushes an image that refers to content and returns its digest.
func (o *oci) refer(content string, more object) string {
	o.Helper()
	x := object{"subject": o.descriptor(artifact.MediaManifest, content)}
	maps.Copy(x, more)
	_, d := o.tagged(x)
	return d
}

// sortedList is a list of digests as names returns it.
func sortedList(list ...string) []string { return slices.Sorted(slices.Values(list)) }

// ociReferrers are requirements of "Listing Referrers".
var ociReferrers = []ociCase{
	{name: "none", run: func(o *oci) {
		_, d := o.tagged(nil)
		o.same("referrers", names(o.get(o.referrers(d)).has("Link", "").entries()), nil)
	}},
	{name: "of a repository that is not there", run: func(o *oci) {
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), nil)
	}},
	{name: "of a malformed digest", run: func(o *oci) {
		for _, d := range []string{o.digest("x") + "0", "latest", "sha256:", strings.ToUpper(o.digest("x"))} {
			o.get(o.referrers(d)).is(400).code(registry.CodeDigestInvalid)
		}
	}},
	{name: "HEAD", run: func(o *oci) {
		o.refer("x", nil)
		o.head(o.referrers(o.digest("x"))).is(200).says("").has("Content-Type", artifact.MediaIndex)
	}},
	{name: "an image", run: func(o *oci) {
		raw, subject := o.tagged(nil)
		d := o.refer(raw, object{"artifactType": "text/x-note"})
		list := o.get(o.referrers(subject)).has("OCI-Filters-Applied", "").entries()
		size := len(o.get(o.manifest(d)).body)
		if len(list) != 1 || string(list[0].Digest) != d || list[0].ArtifactType != "text/x-note" || list[0].MediaType != artifact.MediaManifest || list[0].Size != int64(size) {
			o.Errorf("%+v", list)
		}
	}},
	{name: "an image without artifactType has that of its config", run: func(o *oci) {
		o.pushed("config")
		o.refer("x", object{"artifactType": nil, "config": o.descriptor("application/vnd.example.config", "config")})
		if list := o.get(o.referrers(o.digest("x"))).entries(); len(list) != 1 || list[0].ArtifactType != "application/vnd.example.config" {
			o.Errorf("%+v", list)
		}
	}},
	{name: "an index", run: func(o *oci) {
		raw := o.index(object{"artifactType": "text/x-list", "subject": o.descriptor(artifact.MediaManifest, "x")})
		o.put(o.digest(raw), raw).is(201)
		if list := o.get(o.referrers(o.digest("x"))).entries(); len(list) != 1 || list[0].ArtifactType != "text/x-list" || list[0].MediaType != artifact.MediaIndex {
			o.Errorf("%+v", list)
		}
	}},
	{name: "an index without artifactType has none", run: func(o *oci) {
		raw := o.index(object{"subject": o.descriptor(artifact.MediaManifest, "x")})
		o.put(o.digest(raw), raw).is(201)
		if a := o.get(o.referrers(o.digest("x"))); len(a.entries()) != 1 || strings.Contains(a.body, "artifactType") {
			o.Errorf("%s", a.body)
		}
	}},
	{name: "annotations", run: func(o *oci) {
		o.refer("x", object{"annotations": object{"org.example.a": "<1> & é", "b": ""}})
		list := o.get(o.referrers(o.digest("x"))).entries()
		if len(list) != 1 || len(list[0].Annotations) != 2 || list[0].Annotations["org.example.a"] != "<1> & é" {
			o.Errorf("%+v", list)
		}
	}},
	{name: "several", run: func(o *oci) {
		a, b := o.refer("x", nil), o.refer("x", object{"artifactType": "text/b"})
		o.refer("y", nil)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), sortedList(a, b))
	}},
	{name: "pushed before the subject", run: func(o *oci) {
		raw := o.image(nil)
		d := o.refer(raw, object{"artifactType": "text/early"})
		o.put(o.digest(raw), raw).is(201)
		o.same("referrers", names(o.get(o.referrers(o.digest(raw))).entries()), []string{d})
	}},
	{name: "pushed by tag", run: func(o *oci) {
		raw := o.image(object{"subject": o.descriptor(artifact.MediaManifest, "x")})
		o.put("sig", raw).is(201)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), []string{string(artifact.DigestOf([]byte(raw)))})
	}},
	{name: "not those of another repository", run: func(o *oci) {
		o.in(o.repo+"/other").refer("x", nil)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), nil)
	}},
	{name: "a filter", run: func(o *oci) {
		o.refer("x", object{"artifactType": "text/a"})
		b := o.refer("x", object{"artifactType": "text/b+c"})
		at := o.referrers(o.digest("x")) + "?artifactType=" + url.QueryEscape("text/b+c")
		o.same("referrers", names(o.get(at).has("OCI-Filters-Applied", "artifactType").entries()), []string{b})
	}},
	{name: "a filter that leaves nothing", run: func(o *oci) {
		o.refer("x", nil)
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))+"?artifactType=text/none").has("OCI-Filters-Applied", "artifactType").entries()), nil)
	}},
	{name: "a filter by the type of a config", run: func(o *oci) {
		o.pushed("config")
		d := o.refer("x", object{"artifactType": nil, "config": o.descriptor("application/vnd.example.config", "config")})
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))+"?artifactType=application/vnd.example.config").entries()), []string{d})
	}},
	{name: "a filter that makes no sense", once: true, run: func(o *oci) {
		for _, s := range []string{"%00", "%ff", "a%0ab", strings.Repeat("x", 300)} {
			o.get(o.referrers(o.digest("x")) + "?artifactType=" + s).is(400)
		}
		o.get(o.referrers(o.digest("x")) + "?last=%00").is(400)
	}},
	{name: "no page is larger than 4 MiB", once: true, run: func(o *oci) {
		var want []string
		for i := range 7 {
			kind := []string{"text/a", "text/b"}[i%2]
			want = append(want, o.refer("x", object{"artifactType": kind, "annotations": object{fmt.Sprint(i): strings.Repeat("é<", 400_000)}}))
		}
		for query, count := range map[string]int{"": 7, "?artifactType=text/a": 4} {
			var got []string
			pages := 0
			for at := o.referrers(o.digest("x")) + query; at != ""; pages++ {
				a := o.get(at)
				if len(a.body) > artifact.MaxManifest {
					o.Errorf("a page of %d bytes", len(a.body))
				}
				got, at = append(got, names(a.entries())...), a.next()
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != count || pages < 2 || count == 7 && !slices.Equal(got, sortedList(want...)) {
				o.Errorf("%q: %d pages with %d", query, pages, len(got))
			}
		}
	}},
	{name: "many", once: true, run: func(o *oci) {
		var want []string
		for i := range 120 {
			raw := o.index(object{"artifactType": "text/n", "subject": o.descriptor(artifact.MediaManifest, "x"), "annotations": object{"n": fmt.Sprint(i)}})
			o.put(o.digest(raw), raw).is(201)
			want = append(want, o.digest(raw))
		}
		o.same("referrers", names(o.get(o.referrers(o.digest("x"))).entries()), sortedList(want...))
	}},
}
