package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/registry/client"
)

const secret = "s3cr3t-of-the-user"

// dockerDir returns a folder with a config.json.
func dockerDir(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestDockerConfig(t *testing.T) {
	user := client.Credential{User: "joe", Password: secret}
	for name, c := range map[string]struct {
		config, host string
		want         client.Credential
		err          error
	}{
		"auth":              {`{"auths":{"a.example":{"auth":"` + basic("joe:"+secret) + `"}}}`, "a.example", user, nil},
		"colons":            {`{"auths":{"a.example":{"auth":"` + basic("joe:a:b") + `"}}}`, "a.example", client.Credential{User: "joe", Password: "a:b"}, nil},
		"user and password": {`{"auths":{"a.example":{"username":"joe","password":"` + secret + `"}}}`, "a.example", user, nil},
		"token":             {`{"auths":{"a.example":{"registrytoken":"` + secret + `"}}}`, "a.example", client.Credential{Token: secret}, nil},
		"port":              {`{"auths":{"a.example:5000":{"username":"joe","password":"` + secret + `"}}}`, "a.example:5000", user, nil},
		"address":           {`{"auths":{"https://a.example/v2/":{"username":"joe","password":"` + secret + `"}}}`, "a.example", user, nil},
		"upper case":        {`{"auths":{"A.example":{"username":"joe","password":"` + secret + `"}}}`, "a.example", user, nil},
		"hub":               {`{"auths":{"https://index.docker.io/v1/":{"username":"joe","password":"` + secret + `"}}}`, "registry-1.docker.io", user, nil},
		"more keys":         {`{"HttpHeaders":{"x":"y"},"psFormat":"z","auths":{"a.example":{"email":"e","username":"joe","password":"` + secret + `"}}}`, "a.example", user, nil},
		"exact first":       {`{"auths":{"https://a.example":{"username":"x"},"a.example":{"username":"joe","password":"` + secret + `"}}}`, "a.example", user, nil},
		"another host":      {`{"auths":{"a.example":{"username":"joe","password":"x"}}}`, "b.example", client.Credential{}, client.ErrNoCredential},
		"another port":      {`{"auths":{"a.example":{"username":"joe","password":"x"}}}`, "a.example:5000", client.Credential{}, client.ErrNoCredential},
		"a longer name":     {`{"auths":{"a.example":{"username":"joe","password":"x"}}}`, "a.example.evil", client.Credential{}, client.ErrNoCredential},
		"part of a host":    {`{"auths":{"a.example/team":{"username":"joe","password":"x"}}}`, "a.example", client.Credential{}, client.ErrNoCredential},
		"empty entry":       {`{"auths":{"a.example":{}}}`, "a.example", client.Credential{}, client.ErrNoCredential},
		"empty":             {`{}`, "a.example", client.Credential{}, client.ErrNoCredential},
		"bad base64":        {`{"auths":{"a.example":{"auth":"` + secret + `!"}}}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"no colon":          {`{"auths":{"a.example":{"auth":"` + basic(secret) + `"}}}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"not JSON":          {secret, "a.example", client.Credential{}, client.ErrDockerConfig},
		"wrong type":        {`{"auths":{"a.example":{"password":12345678}}}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"repeated key":      {`{"auths":{"a.example":{"username":"a"},"a.example":{"username":"b"}}}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"too large":         {`{"x":"` + strings.Repeat("a", 1<<20) + `"}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"path as helper":    {`{"credsStore":"../../evil"}`, "a.example", client.Credential{}, client.ErrDockerConfig},
		"option as helper":  {`{"credHelpers":{"a.example":"-x"}}`, "a.example", client.Credential{}, client.ErrDockerConfig},
	} {
		got, err := client.Docker{Dir: dockerDir(t, c.config)}.Credential(t.Context(), c.host)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %t, %v; want %v", name, got == c.want, err, c.err)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "12345678")) {
			t.Errorf("%s: a secret in %q", name, err)
		}
	}
	if _, err := (client.Docker{Dir: dockerDir(t, `{"auths":{"a.example":{"identitytoken":"`+secret+`"}}}`)}).Credential(t.Context(), "a.example"); err == nil || !strings.Contains(err.Error(), "identity token") || strings.Contains(err.Error(), secret) {
		t.Errorf("identity token: %v", err)
	}
	if _, err := (client.Docker{Dir: t.TempDir()}).Credential(t.Context(), "a.example"); !errors.Is(err, client.ErrNoCredential) {
		t.Errorf("no file: %v", err)
	}
}

func TestDockerPlaces(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("DOCKER_CONFIG", "")
	if err := os.Mkdir(filepath.Join(home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	for place, dir := range map[string]string{"home": filepath.Join(home, ".docker"), "environment": t.TempDir()} {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"a.example":{"username":"`+place+`"}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if place == "environment" {
			t.Setenv("DOCKER_CONFIG", dir)
		}
	}
	if c, err := (client.Docker{}).Credential(t.Context(), "a.example"); err != nil || c.User != "environment" {
		t.Errorf("%q, %v", c.User, err)
	}
	t.Setenv("DOCKER_CONFIG", "")
	if c, err := (client.Docker{}).Credential(t.Context(), "a.example"); err != nil || c.User != "home" {
		t.Errorf("%q, %v", c.User, err)
	}
}

// helper is this program under the name of a credential helper.
func helper(name string) int {
	server, err := io.ReadAll(os.Stdin)
	if err != nil || len(os.Args) != 2 || os.Args[1] != "get" {
		return 3
	}
	switch name {
	case "good":
		fmt.Printf(`{"ServerURL":%q,"Username":"joe at %s","Secret":%q}`+"\n", server, server, secret)
	case "none":
		fmt.Println("credentials not found in native keychain")
		return 1
	case "empty":
		fmt.Println(`{"ServerURL":"","Username":"","Secret":""}`)
	case "identity":
		fmt.Printf(`{"Username":"<token>","Secret":%q}`, secret)
	case "garbage":
		fmt.Print(secret)
	case "fails":
		fmt.Print(secret)
		return 1
	case "floods":
		for {
			if _, err := fmt.Print(strings.Repeat(secret, 1000)); err != nil {
				return 1
			}
		}
	case "hangs":
		time.Sleep(time.Hour) // until it is killed
	}
	return 0
}

// install puts this program under the names of helpers into PATH.
func install(t *testing.T, names ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		to := filepath.Join(dir, "docker-credential-"+n)
		if runtime.GOOS == "windows" {
			to += ".exe"
		}
		if os.Link(os.Args[0], to) == nil {
			continue
		}
		b, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = os.WriteFile(to, b, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestHelpers(t *testing.T) {
	install(t, "good", "none", "empty", "identity", "garbage", "fails", "floods", "hangs")
	auths := `"auths":{"a.example":{"username":"of the file"}}`
	for name, c := range map[string]struct {
		config, host string
		user         string
		err          string // part of it
	}{
		"store":                 {`{"credsStore":"good"}`, "a.example", "joe at a.example", ""},
		"of the host":           {`{"credsStore":"fails","credHelpers":{"a.example":"good"}}`, "a.example", "joe at a.example", ""},
		"of another host":       {`{"credsStore":"good","credHelpers":{"b.example":"fails"}}`, "a.example", "joe at a.example", ""},
		"before the file":       {`{"credsStore":"good",` + auths + `}`, "a.example", "joe at a.example", ""},
		"hub":                   {`{"credsStore":"good"}`, "registry-1.docker.io", "joe at https://index.docker.io/v1/", ""},
		"knows nothing":         {`{"credsStore":"none"}`, "a.example", "", client.ErrNoCredential.Error()},
		"nothing, then a file":  {`{"credsStore":"none",` + auths + `}`, "a.example", "of the file", ""},
		"nothing, in other way": {`{"credsStore":"empty",` + auths + `}`, "a.example", "of the file", ""},
		"identity token":        {`{"credsStore":"identity"}`, "a.example", "", "identity token"},
		"garbage":               {`{"credsStore":"garbage"}`, "a.example", "", client.ErrDockerConfig.Error()},
		"fails":                 {`{"credsStore":"fails"}`, "a.example", "", "docker-credential-fails: exit status 1"},
		"floods":                {`{"credsStore":"floods"}`, "a.example", "", "docker-credential-floods: "},
		"is not there":          {`{"credsStore":"missing"}`, "a.example", "", "docker-credential-missing"},
	} {
		got, err := client.Docker{Dir: dockerDir(t, c.config)}.Credential(t.Context(), c.host)
		if got.User != c.user || (err == nil) != (c.err == "") || !strings.Contains(fmt.Sprint(err), c.err) && err != nil {
			t.Errorf("%s: %q, %v", name, got.User, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %v", got, got, got, err), secret) {
			t.Errorf("%s: a secret is shown", name)
		}
	}
}

// TestHelperThatHangs is killed after a while, and when nobody waits any more.
func TestHelperThatHangs(t *testing.T) {
	install(t, "hangs")
	d := client.Docker{Dir: dockerDir(t, `{"credsStore":"hangs"}`), Timeout: 20 * time.Millisecond}
	if _, err := d.Credential(t.Context(), "a.example"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "docker-credential-hangs") {
		t.Error(err)
	}
	d.Timeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := d.Credential(ctx, "a.example"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
