package settings_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server/settings"
)

// sources are a file with this text and these variables.
func sources(t *testing.T, file string, env map[string]string, flags map[string]string) settings.Sources {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registry.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings.Sources{Flags: flags, File: path, Getenv: func(name string) string { return env[name] }}
}

// origins lists values that are not defaults.
func origins(l *settings.Loaded) string {
	var out []string
	for _, v := range l.Values {
		if v.Origin != "default" {
			out = append(out, v.Key+"="+v.Value+" "+filepath.Base(v.Origin))
		}
	}
	return strings.Join(out, ", ")
}

func TestOrder(t *testing.T) {
	l, err := settings.Load(sources(t, `listen: 127.0.0.1:1
data: /file
limits: { blob: 3MiB }
storage:
  bucket: mine
  access-key: me
  plain: true
database: postgres://me:secret@db/plugs
`, map[string]string{"PLUGSTEAD_REGISTRY_DATA": "/env", "PLUGSTEAD_REGISTRY_LISTEN": "127.0.0.1:2", "PLUGSTEAD_REGISTRY_STORAGE_SECRET_KEY": "hush"},
		map[string]string{"listen": "127.0.0.1:3", "collect.every": "90m"}))
	if err != nil {
		t.Fatal(err)
	}
	const want = "listen=127.0.0.1:3 flag, data=/env PLUGSTEAD_REGISTRY_DATA, database=(secret) registry.yaml:8, storage.bucket=mine registry.yaml:5, " +
		"storage.access-key=me registry.yaml:6, storage.secret-key=(secret) PLUGSTEAD_REGISTRY_STORAGE_SECRET_KEY, storage.plain=true registry.yaml:7, limits.blob=3MiB registry.yaml:3, collect.every=90m flag"
	if got := origins(l); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	o := l.Options
	if o.Listen != "127.0.0.1:3" || o.Data != "/env" || o.Database != "postgres://me:secret@db/plugs" || o.MaxBlob != 3<<20 || o.CollectEvery != 90*time.Minute || o.CollectGrace != 24*time.Hour {
		t.Errorf("got %+v", o)
	}
	if b := o.Bucket; b == nil || b.Bucket != "mine" || b.SecretKey != "hush" || !b.Plain || b.Endpoint != "s3.amazonaws.com" {
		t.Errorf("got %+v", b)
	}
}

func TestDefaults(t *testing.T) {
	l, err := settings.Load(settings.Sources{Getenv: func(string) string { return "" }})
	if err != nil || l.Options.Bucket != nil || l.Options.Database != "" || l.Options.Listen != "127.0.0.1:8080" || l.Options.MaxBlob != 4<<30 {
		t.Errorf("got %+v, %v", l, err)
	}
	var b bytes.Buffer
	l.Log(&b).Debug("x")
	l.Log(&b).Info("y")
	if got := b.String(); strings.Contains(got, "msg=x") || !strings.Contains(got, "msg=y") {
		t.Errorf("got %s", got)
	}
}

func TestLogIsJSON(t *testing.T) {
	l, err := settings.Load(sources(t, "log: { format: json, level: error }", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	l.Log(&b).Info("x")
	l.Log(&b).Error("y")
	if got := b.String(); !strings.HasPrefix(got, `{"time":`) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
}

// TestMistakes names the place of each, and no secret.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"lissten: x", `registry.yaml:1: wrong setting: there is no setting "lissten"`},
		{"storage:\n  bukket: x", `registry.yaml:2: wrong setting: there is no setting "storage.bukket"`},
		{"storage: x", `there is no setting "storage"`},
		{"storage: { bucket: { name: x } }", "registry.yaml:1: storage.bucket: want one value"},
		{"listen: [x]", "listen: want one value"},
		{"listen:", "listen: want one value"},
		{"listen: a\nlisten: b", "listen"},
		{"- x", "registry.yaml:1: want keys and values"},
		{"a: b: c", "registry.yaml"},
		{"limits: { blob: 3 bytes }", `limits.blob "3 bytes" (`},
		{"limits: { blob: 0B }", "limits.blob"},
		{"limits: { blob: 9999999TiB }", "limits.blob"},
		{"collect: { every: soon }", "want a time such as"},
		{"collect: { grace: -1h }", "want a time such as"},
		{"log: { format: xml }", "want text, json"},
		{"storage: { plain: perhaps, secret-key: hush }", "want true or false"},
		{"tls: { cert: a.pem }", "tls.cert and tls.key belong together"},
		{"storage: { redirect: true }", "storage.redirect needs storage.bucket"},
		{"storage: { bucket: x, prefix: y }", "storage.prefix needs a slash"},
		{strings.Repeat("#", 300<<10), "more than 262144 bytes"},
	} {
		_, err := settings.Load(sources(t, c.file, nil, nil))
		if !errors.Is(err, settings.ErrSetting) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%.60q: %v, want %q", c.file, err, c.want)
		}
	}
	if _, err := settings.Load(settings.Sources{File: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, settings.ErrSetting) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := settings.Load(sources(t, "", nil, map[string]string{"x": "y"})); !errors.Is(err, settings.ErrSetting) {
		t.Errorf("unknown flag: %v", err)
	}
}

// TestTable looks for settings without a word of help, or with one variable for two.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings.All() {
		if s.Help == "" || seen[s.Env()] || strings.Count(s.Key, ".") > 1 {
			t.Errorf("%+v", s)
		}
		seen[s.Env()] = true
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen: x\nstorage: { bucket: y }\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := settings.Parse("x", b)
		if err != nil && !errors.Is(err, settings.ErrSetting) {
			t.Error(err)
		}
		for key := range got {
			if err == nil && key != got[key].Key {
				t.Errorf("%q is %q", key, got[key].Key)
			}
		}
	})
}
