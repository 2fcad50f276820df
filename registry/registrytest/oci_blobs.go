package registrytest

import (
	"io"
	"strconv"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/registry"
)

// ociBlobs are requirements of "Pushing a blob monolithically" and "Cancel a blob upload".
var ociBlobs = []ociCase{
	{name: "POST then PUT", run: func(o *oci) {
		d := o.digest("hello")
		at := o.send("POST", o.uploads(""), nil).is(202).location()
		blob := o.bytes("PUT", with(at, d), "hello").is(201).has("Docker-Content-Digest", d).location()
		o.get(blob).is(200).says("hello")
	}},
	{name: "a single POST", run: func(o *oci) {
		d := o.digest("hello")
		blob := o.bytes("POST", o.uploads("?digest="+d), "hello").is(201).has("Docker-Content-Digest", d).location()
		o.get(blob).is(200).says("hello")
	}},
	{name: "a POST that announces the algorithm", run: func(o *oci) {
		d := o.digest("hello")
		at := o.send("POST", o.uploads("?digest-algorithm="+string(o.algorithm)), nil).is(202).location()
		o.bytes("PUT", with(at, d), "hello").is(201)
		o.get(o.blob(d)).is(200).says("hello")
	}},
	{name: "another algorithm than was announced", run: func(o *oci) {
		other := map[artifact.Algorithm]string{artifact.SHA256: "sha512", artifact.SHA512: "sha256"}[o.algorithm]
		d := o.digest("hello, world")
		at := o.send("POST", o.uploads("?digest-algorithm="+other), nil).is(202).location()
		at = o.bytes("PATCH", at, "hello, ").is(202).location()
		o.bytes("PUT", with(at, d), "world").is(201)
		o.get(o.blob(d)).is(200).says("hello, world")
	}},
	{name: "an algorithm that is not known", once: true, run: func(o *oci) {
		o.send("POST", o.uploads("?digest-algorithm=md5"), nil).is(400).code(registry.CodeDigestInvalid)
		o.bytes("POST", o.uploads("?digest=md5:5d41402abc4b2a76b9719d911017c592"), "hello").is(400).code(registry.CodeDigestInvalid)
		o.bytes("PUT", with(o.begin(), "md5:5d41402abc4b2a76b9719d911017c592"), "hello").is(400).code(registry.CodeDigestInvalid)
	}},
	{name: "every upload has a Location of its own", once: true, run: func(o *oci) {
		if a, b := o.begin(), o.begin(); a == b {
			o.Errorf("twice %s", a)
		}
	}},
	{name: "POST with another digest", run: func(o *oci) {
		o.bytes("POST", o.uploads("?digest="+o.digest("hello")), "hullo").is(400).code(registry.CodeDigestInvalid)
		o.get(o.blob(o.digest("hello"))).is(404)
		o.get(o.blob(o.digest("hullo"))).is(404)
	}},
	{name: "PUT with another digest", run: func(o *oci) {
		o.bytes("PUT", with(o.begin(), o.digest("hello")), "hullo").is(400).code(registry.CodeDigestInvalid)
		o.get(o.blob(o.digest("hello"))).is(404)
	}},
	{name: "PUT with a malformed digest", run: func(o *oci) {
		for _, d := range []string{"x", o.digest("hello")[:60], strings.ToUpper(o.digest("hello")), ""} {
			o.bytes("PUT", with(o.begin(), d), "hello").is(400).code(registry.CodeDigestInvalid)
		}
	}},
	{name: "PUT without a digest", once: true, run: func(o *oci) {
		at := o.begin()
		o.bytes("PUT", at, "hello").is(400).code(registry.CodeDigestInvalid)
		o.bytes("PUT", with(at, o.digest("hello")), "hello").is(201) // it was nothing but a mistake
	}},
	{name: "an upload that is not there", run: func(o *oci) {
		at := o.uploads("00000000-0000-0000-0000-000000000000")
		o.get(at).is(404).code(registry.CodeUploadUnknown)
		o.bytes("PATCH", at, "x").is(404).code(registry.CodeUploadUnknown)
		o.bytes("PUT", with(at, o.digest("x")), "x").is(404).code(registry.CodeUploadUnknown)
		o.delete(at).is(404).code(registry.CodeUploadUnknown)
	}},
	{name: "an upload of another repository", run: func(o *oci) {
		at := strings.Replace(o.begin(), "/v2/"+o.repo, "/v2/"+o.repo+"/other", 1)
		o.bytes("PUT", with(at, o.digest("x")), "x").is(404)
		o.get(at).is(404)
	}},
	{name: "an upload that is over", run: func(o *oci) {
		at := o.begin()
		o.bytes("PUT", with(at, o.digest("x")), "x").is(201)
		o.get(at).is(404)
		o.bytes("PATCH", at, "x").is(404)
		o.bytes("PUT", with(at, o.digest("x")), "x").is(404)
	}},
	{name: "a blob that is there", run: func(o *oci) {
		o.pushed("hello")
		o.bytes("PUT", with(o.begin(), o.digest("hello")), "hello").is(201)
		o.bytes("POST", o.uploads("?digest="+o.digest("hello")), "hello").is(201)
		o.get(o.blob(o.digest("hello"))).is(200).says("hello")
	}},
	{name: "a large blob", run: func(o *oci) {
		content := strings.Repeat("0123456789abcdef", 1<<16)
		o.get(o.blob(o.pushed(content))).is(200).says(content)
	}},
	{name: "a blob of unknown length", run: func(o *oci) {
		content := strings.Repeat("0123456789", 10_000)
		o.send("PUT", with(o.begin(), o.digest(content)), io.MultiReader(strings.NewReader(content))).is(201)
		o.get(o.blob(o.digest(content))).is(200).says(content)
	}},
	{name: "an upload can be cancelled", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello").is(202).location()
		o.delete(at).is(204).says("")
		o.get(at).is(404).code(registry.CodeUploadUnknown)
		o.bytes("PATCH", at, "x").is(404)
		o.bytes("PUT", with(at, o.digest("hello")), "").is(404)
		o.delete(at).is(404)
		o.get(o.blob(o.digest("hello"))).is(404)
	}},
	{name: "an upload makes no repository", once: true, run: func(o *oci) {
		o.begin()
		o.get(o.tags("")).is(404)
	}},
}

// ociChunks are requirements of "Pushing a blob in chunks".
var ociChunks = []ociCase{
	{name: "chunks and an empty PUT", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).has("Range", "0-4").location()
		at = o.bytes("PATCH", at, ", world", "Content-Range", "5-11").is(202).has("Range", "0-11").location()
		d := o.digest("hello, world")
		o.get(o.send("PUT", with(at, d), nil).is(201).location()).is(200).says("hello, world")
	}},
	{name: "the last chunk in the PUT", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		d := o.digest("hello, world")
		o.get(o.bytes("PUT", with(at, d), ", world", "Content-Range", "5-11").is(201).location()).is(200).says("hello, world")
	}},
	{name: "many chunks", run: func(o *oci) {
		content := strings.Repeat("0123456789", 20)
		at := o.begin()
		for i := 0; i < len(content); i += 8 {
			at = o.bytes("PATCH", at, content[i:i+8], "Content-Range", strconv.Itoa(i)+"-"+strconv.Itoa(i+7)).is(202).location()
		}
		d := o.digest(content)
		o.send("PUT", with(at, d), nil).is(201)
		o.get(o.blob(d)).is(200).says(content)
	}},
	{name: "a stream without Content-Range", run: func(o *oci) {
		at := o.begin()
		at = o.send("PATCH", at, io.MultiReader(strings.NewReader("hello"))).is(202).has("Range", "0-4").location()
		at = o.bytes("PATCH", at, ", world").is(202).has("Range", "0-11").location()
		o.send("PUT", with(at, o.digest("hello, world")), nil).is(201)
		o.get(o.blob(o.digest("hello, world"))).is(200).says("hello, world")
	}},
	{name: "a first chunk that does not begin with 0", run: func(o *oci) {
		at := o.begin()
		o.bytes("PATCH", at, "hello", "Content-Range", "5-9").is(416).code(registry.CodeUploadInvalid).has("Range", "0-0").location()
	}},
	{name: "a gap", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		o.bytes("PATCH", at, "world", "Content-Range", "7-11").is(416).has("Range", "0-4")
	}},
	{name: "a chunk twice", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(416).has("Range", "0-4")
	}},
	{name: "a 416 says where to go on", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		at = o.bytes("PATCH", at, "x", "Content-Range", "9-9").is(416).has("Range", "0-4").location()
		at = o.bytes("PATCH", at, ", world", "Content-Range", "5-11").is(202).location()
		o.send("PUT", with(at, o.digest("hello, world")), nil).is(201)
	}},
	{name: "the last chunk out of order", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		d := o.digest("hello, world")
		at = o.bytes("PUT", with(at, d), "world", "Content-Range", "7-11").is(416).has("Range", "0-4").location()
		o.get(o.blob(d)).is(404)
		o.bytes("PUT", with(at, d), ", world", "Content-Range", "5-11").is(201)
	}},
	{name: "a Content-Range that is not as long as the chunk", run: func(o *oci) {
		at := o.begin()
		o.bytes("PATCH", at, "hello", "Content-Range", "0-9").is(416).has("Range", "0-0")
		o.send("PATCH", at, io.MultiReader(strings.NewReader("hello")), "Content-Range", "0-9").is(416).has("Range", "0-4")
		o.send("PUT", with(at, o.digest("hello")), nil).is(201)
	}},
	{name: "a malformed Content-Range", once: true, run: func(o *oci) {
		at := o.begin()
		for _, s := range []string{"x", "0", "-", "0-", "-4", "4-0", "0-4-5", "bytes=0-4", "0x0-0x4", "99999999999999999999-99999999999999999999"} {
			o.bytes("PATCH", at, "hello", "Content-Range", s).is(416, 400)
		}
		o.get(at).is(204).has("Range", "0-0")
	}},
	{name: "the state of an upload", run: func(o *oci) {
		at := o.begin()
		o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202)
		next := o.get(at).is(204).says("").has("Range", "0-4").location()
		o.bytes("PATCH", next, ", world", "Content-Range", "5-11").is(202)
		o.get(next).is(204).has("Range", "0-11")
	}},
	{name: "the state of an upload of nothing", once: true, run: func(o *oci) {
		at := o.begin()
		o.get(at).is(204).has("Range", "0-0").location()
		o.bytes("PATCH", at, "").is(202)
		o.get(at).is(204).has("Range", "0-0")
		o.bytes("PATCH", at, "x", "Content-Range", "0-0").is(202).has("Range", "0-0")
	}},
	{name: "another digest after chunks", run: func(o *oci) {
		at := o.begin()
		at = o.bytes("PATCH", at, "hello", "Content-Range", "0-4").is(202).location()
		o.send("PUT", with(at, o.digest("hullo")), nil).is(400).code(registry.CodeDigestInvalid)
		o.get(o.blob(o.digest("hullo"))).is(404)
	}},
}

// ociMounts are requirements of "Mounting a blob from another repository".
var ociMounts = []ociCase{
	{name: "a blob of another repository", run: func(o *oci) {
		from := o.in(o.repo + "/from")
		d := from.pushed("hello")
		blob := o.send("POST", o.uploads("?mount="+d+"&from="+from.repo), nil).is(201).location()
		o.get(blob).is(200).says("hello")
		o.get(o.blob(d)).is(200).says("hello")
	}},
	{name: "a blob that is there", run: func(o *oci) {
		d := o.pushed("hello")
		o.send("POST", o.uploads("?mount="+d+"&from="+o.repo), nil).is(201)
	}},
	{name: "a mounted blob can be in a manifest", run: func(o *oci) {
		d := o.in(o.repo + "/from").pushed("layer")
		o.send("POST", o.uploads("?mount="+d+"&from="+o.repo+"/from"), nil).is(201)
		o.tagged(object{"layers": []object{o.descriptor("text/plain", "layer")}}, "latest")
	}},
	{name: "a mounted blob stays when the other is deleted", run: func(o *oci) {
		from := o.in(o.repo + "/from")
		d := from.pushed("hello")
		o.send("POST", o.uploads("?mount="+d+"&from="+from.repo), nil).is(201)
		from.delete(from.blob(d)).is(202)
		o.get(o.blob(d)).is(200).says("hello")
		o.send("POST", o.in(o.repo+"/third").uploads("?mount="+d+"&from="+from.repo), nil).is(202)
	}},
	{name: "what cannot be mounted is uploaded", run: func(o *oci) {
		d := o.digest("hello")
		o.in(o.repo + "/from").pushed("other")
		for _, query := range []string{
			"?mount=" + d + "&from=" + o.repo + "/from", "?mount=" + d + "&from=" + o.repo + "/none", "?mount=" + d, "?mount=" + d + "&from=",
			"?mount=" + d + "&from=../x", "?mount=" + d + "&from=A%00",
		} {
			at := o.send("POST", o.uploads(query), nil).is(202).location()
			o.bytes("PUT", with(at, d), "hello").is(201)
			o.delete(o.blob(d)).is(202)
		}
	}},
	{name: "a malformed digest", once: true, run: func(o *oci) {
		o.send("POST", o.uploads("?mount=sha256:0&from="+o.repo), nil).is(202, 400)
	}},
}
