package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var statics embed.FS

// media are the types of our files; what the system says of them differs between
// machines.
var media = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

// asset is a static file. Its address holds its hash, so that it never changes.
type asset struct {
	url, hash, media string
	body             []byte
}

// loadAssets reads the files of this program; that one is missing is a mistake of
// ours.
func loadAssets() map[string]asset {
	out := map[string]asset{}
	entries, err := statics.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(statics, "static/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		hash := hex.EncodeToString(sum[:6])
		out[e.Name()] = asset{"/static/" + hash + "/" + e.Name(), hash, media[path.Ext(e.Name())], b}
	}
	return out
}

// parsePages makes one template for each page, with the layout around it.
func parsePages(assets map[string]asset) map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"asset": func(name string) string { return assets[name].url },
	}).ParseFS(templates, "templates/layout.html", "templates/parts.html"))
	out := map[string]*template.Template{}
	for _, name := range []string{"search.html", "plugin.html", "versions.html", "offered.html", "problem.html"} {
		out[name] = template.Must(template.Must(layout.Clone()).ParseFS(templates, "templates/"+name))
	}
	return out
}

func (s *site) static(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("file")]
	if !ok || r.PathValue("hash") != a.hash {
		s.unknown(w, r)
		return
	}
	w.Header().Set("Content-Type", a.media)
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	send(w, r, http.StatusOK, a.body)
}

// compress packs b; a bytes.Buffer takes everything, so there is no error.
func compress(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}
