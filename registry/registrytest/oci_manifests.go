package registrytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// foreign are the types of layers that nobody may pass on.
var foreign = []string{
	"application/vnd.oci.image.layer.nondistributable.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
}

// ociManifests are requirements of "Pushing Manifests".
var ociManifests = []ociCase{
	{name: "by tag", once: true, run: func(o *oci) {
		raw := o.image(nil)
		at := o.put("latest", raw).is(201).has("Docker-Content-Digest", o.digest(raw)).location()
		o.get(at).is(200).says(raw)
	}},
	{name: "by digest", run: func(o *oci) {
		raw := o.image(nil)
		at := o.put(o.digest(raw), raw).is(201).has("Docker-Content-Digest", o.digest(raw)).has("OCI-Tag", "").location()
		o.get(at).is(200).says(raw)
		o.get(o.tags("")).is(200).says(fmt.Sprintf("{\"name\":%q,\"tags\":[]}\n", o.repo))
	}},
	{name: "the bytes stay as they are", run: func(o *oci) {
		raw := "\n { \"schemaVersion\" : 2,\t\"mediaType\":\"" + artifact.MediaIndex + "\", \"manifests\":[ ], \"x\":\"\\u00e9<é>\" }\r\n"
		o.put(o.digest(raw), raw).is(201)
		o.get(o.manifest(o.digest(raw))).is(200).says(raw)
	}},
	{name: "twice", run: func(o *oci) {
		raw, d := o.tagged(nil, "a")
		o.put(d, raw).is(201)
		o.put("a", raw).is(201)
		o.get(o.manifest("a")).is(200).says(raw)
	}},
	{name: "a tag moves", run: func(o *oci) {
		first, d := o.tagged(nil, "latest")
		second, _ := o.tagged(object{"annotations": object{"n": "2"}}, "latest")
		o.get(o.manifest("latest")).is(200).says(second)
		o.get(o.manifest(d)).is(200).says(first)
		o.put("latest", first).is(201)
		o.get(o.manifest("latest")).is(200).says(first)
	}},
	{name: "several tags with a digest", run: func(o *oci) {
		raw := o.image(nil)
		var tags []string
		for i := range 12 {
			tags = append(tags, fmt.Sprintf("v%02d", i))
		}
		a := o.put(o.digest(raw)+"?tag="+strings.Join(tags, "&tag="), raw).is(201)
		if got := strings.Split(strings.ReplaceAll(strings.Join(a.header.Values("OCI-Tag"), ","), " ", ""), ","); !slices.Equal(slices.Sorted(slices.Values(got)), tags) {
			o.Errorf("OCI-Tag %q", a.header.Values("OCI-Tag"))
		}
		for _, tag := range tags {
			o.get(o.manifest(tag)).is(200).says(raw).has("Docker-Content-Digest", o.digest(raw))
		}
	}},
	{name: "a tag with a digest moves", run: func(o *oci) {
		o.tagged(nil, "latest")
		raw := o.image(object{"annotations": object{"n": "2"}})
		o.put(o.digest(raw)+"?tag=latest", raw).is(201).has("OCI-Tag", "latest")
		o.get(o.manifest("latest")).is(200).says(raw)
	}},
	{name: "a malformed tag with a digest", run: func(o *oci) {
		raw := o.image(nil)
		for _, tag := range []string{"-x", "a,b", "a%20b", "", strings.Repeat("x", 129)} {
			o.put(o.digest(raw)+"?tag=good&tag="+tag, raw).is(400).has("OCI-Tag", "")
		}
		o.get(o.manifest(o.digest(raw))).is(404)
		o.get(o.manifest("good")).is(404)
	}},
	{name: "too many tags", once: true, run: func(o *oci) {
		raw := o.image(nil)
		var query strings.Builder
		for i := range 101 {
			fmt.Fprintf(&query, "&tag=t%d", i)
		}
		o.put(o.digest(raw)+"?"+query.String(), raw).is(400, 414)
		o.get(o.manifest("t1")).is(404)
	}},
	{name: "layers", run: func(o *oci) {
		o.pushed("one")
		o.pushed("two")
		o.tagged(object{"layers": []object{o.descriptor("text/plain", "one"), o.descriptor("application/vnd.example.unheard-of", "two"), o.descriptor("text/plain", "one")}}, "latest")
	}},
	{name: "an artifact and a config of types that nobody knows", run: func(o *oci) {
		o.pushed("strange")
		o.tagged(object{"artifactType": "application/vnd.example.unheard-of+x", "config": o.descriptor("application/vnd.example.config.v9", "strange")}, "latest")
		o.tagged(object{"artifactType": nil, "config": o.descriptor("application/vnd.example.config.v9", "strange")}, "latest")
	}},
	{name: "layers that are not distributable may be missing", run: func(o *oci) {
		for _, media := range foreign {
			o.tagged(object{"layers": []object{o.descriptor(media, "not here")}}, "latest")
		}
	}},
	{name: "an index", run: func(o *oci) {
		image, _ := o.tagged(nil)
		raw := o.index(object{"manifests": []object{o.descriptor(artifact.MediaManifest, image)}})
		o.put("latest", raw).is(201)
		o.get(o.manifest("latest")).is(200).says(raw).has("Content-Type", artifact.MediaIndex)
	}},
	{name: "an index of an index", run: func(o *oci) {
		inner := o.index(nil)
		o.put(o.digest(inner), inner).is(201)
		raw := o.index(object{"artifactType": "application/vnd.example.list", "manifests": []object{o.descriptor(artifact.MediaIndex, inner)}})
		o.put(o.digest(raw), raw).is(201)
	}},
	{name: "an index of something that nobody knows", run: func(o *oci) {
		o.pushed("from the future")
		raw := o.index(object{"manifests": []object{o.descriptor("application/vnd.example.future.v3+json", "from the future")}})
		o.put(o.digest(raw), raw).is(201)
	}},
	{name: "an index with platforms", run: func(o *oci) {
		image, _ := o.tagged(nil)
		var list []object
		for _, p := range []object{{"os": "linux", "architecture": "amd64"}, {"os": "unknown", "architecture": "unknown"}, {"os": "windows", "architecture": "amd64", "os.version": "10.0.14393.1066", "os.features": []string{"win32k"}}} {
			d := o.descriptor(artifact.MediaManifest, image)
			d["platform"] = p
			list = append(list, d)
		}
		raw := o.index(object{"manifests": list})
		o.put("latest", raw).is(201)
	}},
	{name: "an image and a list of Docker", run: func(o *oci) {
		o.pushed("layer")
		image := o.image(object{"mediaType": docker + ".v2+json", "artifactType": nil, "layers": []object{o.descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", "layer")}})
		o.put(o.digest(image), image).is(201)
		list := o.index(object{"mediaType": docker + ".list.v2+json", "manifests": []object{o.descriptor(docker+".v2+json", image)}})
		o.put("latest", list).is(201)
		o.get(o.manifest("latest")).is(200).says(list).has("Content-Type", docker+".list.v2+json")
	}},
	{name: "descriptors of another algorithm", run: func(o *oci) {
		x := *o
		x.algorithm = map[artifact.Algorithm]artifact.Algorithm{artifact.SHA256: artifact.SHA512, artifact.SHA512: artifact.SHA256}[o.algorithm]
		x.pushed("layer")
		o.tagged(object{"layers": []object{x.descriptor("text/plain", "layer")}}, "latest")
	}},
	{name: "a subject that is not there", run: func(o *oci) {
		subject := o.descriptor(artifact.MediaManifest, "later")
		raw := o.image(object{"subject": subject})
		o.put(o.digest(raw), raw).is(201).has("OCI-Subject", o.digest("later"))
	}},
	{name: "a subject that is there", run: func(o *oci) {
		image, d := o.tagged(nil, "latest")
		raw := o.index(object{"subject": o.descriptor(artifact.MediaManifest, image)})
		o.put(o.digest(raw), raw).is(201).has("OCI-Subject", d)
		o.put("sig", raw).is(201).has("OCI-Subject", d)
	}},
	{name: "no subject", run: func(o *oci) {
		raw := o.image(nil)
		o.put(o.digest(raw), raw).is(201).has("OCI-Subject", "")
	}},
	{name: "a subject of an algorithm that is not known", once: true, run: func(o *oci) {
		d := "blake3:" + strings.Repeat("0", 64)
		raw := o.image(object{"subject": object{"mediaType": artifact.MediaManifest, "digest": d, "size": 7}})
		o.put(o.digest(raw), raw).is(201).has("OCI-Subject", d)
		o.get(o.referrers(d)).is(200)
	}},
	{name: "4 MiB", run: func(o *oci) {
		raw := o.image(object{"annotations": object{"x": ""}})
		raw = strings.Replace(raw, `"x":""`, `"x":"`+strings.Repeat("x", artifact.MaxManifest-len(raw))+`"`, 1)
		o.put("latest", raw).is(201)
		o.get(o.manifest("latest")).is(200).says(raw)
	}},
	{name: "more than 4 MiB", run: func(o *oci) {
		raw := o.image(object{"annotations": object{"x": strings.Repeat("x", artifact.MaxManifest)}})
		o.put(o.digest(raw), raw).is(413).code(registry.CodeSizeInvalid)
		o.get(o.manifest(o.digest(raw))).is(404)
	}},
}

// ociRefusals are manifests that a registry may not take, or need not: nothing of them stays.
var ociRefusals = []ociCase{
	{name: "another digest", run: func(o *oci) {
		raw := o.image(nil)
		o.put(o.digest("x"), raw).is(400).code(registry.CodeDigestInvalid)
		o.get(o.manifest(o.digest("x"))).is(404)
		o.get(o.manifest(o.digest(raw))).is(404)
	}},
	{name: "a malformed digest", run: func(o *oci) {
		raw := o.image(nil)
		for _, d := range []string{o.digest(raw) + "0", "md5:5d41402abc4b2a76b9719d911017c592", string(o.algorithm) + ":"} {
			o.put(d, raw).is(400).code(registry.CodeDigestInvalid)
		}
	}},
	{name: "a malformed tag", once: true, run: func(o *oci) {
		raw := o.image(nil)
		for _, tag := range []string{".x", "-x", "a+b", "a%20b", strings.Repeat("a", 129)} {
			o.put(tag, raw).is(400)
		}
		o.get(o.manifest(o.digest(raw))).is(404)
	}},
	{name: "a config that was not pushed", run: func(o *oci) { o.refused(object{"config": o.descriptor("text/plain", "x")}, registry.CodeChildUnknown) }},
	{name: "a layer that was not pushed", run: func(o *oci) {
		o.refused(object{"layers": []object{o.descriptor("text/plain", "x")}}, registry.CodeChildUnknown)
	}},
	{name: "a layer of another repository", run: func(o *oci) {
		o.in(o.repo + "/other").pushed("x")
		o.refused(object{"layers": []object{o.descriptor("text/plain", "x")}}, registry.CodeChildUnknown)
	}},
	{name: "an index of what was not pushed", run: func(o *oci) {
		raw := o.index(object{"manifests": []object{o.descriptor(artifact.MediaManifest, "x")}})
		o.put(o.digest(raw), raw).is(400).code(registry.CodeChildUnknown)
		o.get(o.manifest(o.digest(raw))).is(404)
	}},
	{name: "a wrong size", run: func(o *oci) {
		o.pushed("x")
		for _, size := range []int{0, 2, -1} {
			o.refused(object{"layers": []object{{"mediaType": "text/plain", "digest": o.digest("x"), "size": size}}}, registry.CodeManifestInvalid)
		}
	}},
	{name: "a descriptor without a digest", run: func(o *oci) {
		for _, d := range []any{"", "latest", o.digest("x")[:20], 7, nil} {
			o.refused(object{"layers": []object{{"mediaType": "text/plain", "digest": d, "size": 1}}}, registry.CodeManifestInvalid)
			o.refused(object{"subject": object{"mediaType": "text/plain", "digest": d, "size": 1}}, registry.CodeManifestInvalid)
		}
	}},
	{name: "what is not JSON", once: true, run: func(o *oci) {
		for _, raw := range []string{"", "hello", "{", "[]", `"x"`, "null{}", `{"mediaType":"a","mediaType":"b"}`, strings.Repeat("[", 100_000)} {
			o.put("latest", raw, "Content-Type", artifact.MediaManifest).is(400).code(registry.CodeManifestInvalid)
		}
	}},
	{name: "a Content-Type that is not the mediaType", once: true, run: func(o *oci) {
		raw := o.image(nil)
		for _, sent := range []string{artifact.MediaIndex, docker + ".v2+json", "text/html", "application/x-www-form-urlencoded"} {
			o.put("latest", raw, "Content-Type", sent).is(400).code(registry.CodeManifestInvalid)
		}
		o.get(o.manifest("latest")).is(404)
	}},
	{name: "no media type at all", once: true, run: func(o *oci) {
		o.put("latest", o.image(object{"mediaType": nil})).is(400).code(registry.CodeManifestInvalid)
		o.put("latest", o.image(object{"mediaType": "text/html"})).is(400).code(registry.CodeManifestInvalid)
	}},
	{name: "index and image in one", once: true, run: func(o *oci) {
		o.refused(object{"manifests": []object{}}, registry.CodeManifestInvalid)
		o.put("latest", o.index(object{"layers": []object{}})).is(400).code(registry.CodeManifestInvalid)
		o.put("latest", o.index(object{"config": o.descriptor("text/plain", "")})).is(400).code(registry.CodeManifestInvalid)
	}},
	{name: "annotations that are none", once: true, run: func(o *oci) {
		for _, x := range []any{object{"a": 1}, object{"": "x"}, object{"a\nb": "x"}, []string{"a"}, "x"} {
			o.refused(object{"annotations": x}, registry.CodeManifestInvalid)
		}
	}},
	{name: "an artifact type that is none", once: true, run: func(o *oci) {
		for _, x := range []any{"a\r\nSet-Cookie: x", "a\x00", "é", strings.Repeat("x", 256), 7} {
			o.refused(object{"artifactType": x}, registry.CodeManifestInvalid)
		}
	}},
	{name: "another version of the schema", once: true, run: func(o *oci) {
		o.refused(object{"schemaVersion": 1}, registry.CodeManifestInvalid)
	}},
	{name: "more descriptors than anybody needs", once: true, run: func(o *oci) {
		list := slices.Repeat([]object{o.descriptor(artifact.MediaEmpty, "{}")}, 5000)
		o.refused(object{"layers": list}, registry.CodeManifestInvalid)
	}},
}

// refused pushes an image that is refused.
func (o *oci) refused(more object, code registry.Code) {
	o.Helper()
	raw := o.image(more)
	o.put("refused", raw).is(400).code(code)
	o.put(o.digest(raw), raw).is(400).code(code)
	o.get(o.manifest("refused")).is(404)
	o.get(o.manifest(o.digest(raw))).is(404)
}
