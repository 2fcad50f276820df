package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/internal/strictjson"
)

// ErrDockerConfig says that the configuration file of Docker, or what a credential helper
// answers, does not have its format. Nothing of the content is in its text.
var ErrDockerConfig = errors.New("not in the format of Docker")

const (
	maxDockerConfig = 1 << 20  // bytes
	maxHelperAnswer = 64 << 10 // bytes
	helperTimeout   = 10 * time.Second
	helperPrefix    = "docker-credential-"
)

// Docker finds the credentials that `docker login` and programs like it keep: in the keys
// auths, credHelpers and credsStore of config.json, whose format is that of the Docker CLI.
// The zero value is ready. The file is read, and a helper run, at every question.
type Docker struct {
	// Dir is the folder of config.json. Default: that in DOCKER_CONFIG, or .docker in the
	// home folder.
	Dir string
	// Timeout is how long a helper may take; default 10 seconds.
	Timeout time.Duration
}

var _ Credentials = Docker{}

// Credential implements [Credentials]. It returns [ErrDockerConfig] for a file that cannot
// be understood, and an error that names the helper for one that fails.
func (d Docker) Credential(ctx context.Context, host string) (Credential, error) {
	dir, err := d.dir()
	if err != nil {
		return Credential{}, err
	}
	path := filepath.Join(dir, "config.json")
	b, err := readLimited(path, maxDockerConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return Credential{}, ErrNoCredential
	}
	if err != nil {
		return Credential{}, err
	}
	x, err := parseDockerConfig(b)
	if err != nil {
		return Credential{}, fmt.Errorf("%s: %w", path, err)
	}
	if helper := x.helper(host); helper != "" {
		c, err := d.run(ctx, helper, serverOf(host))
		if !errors.Is(err, ErrNoCredential) {
			return c, err
		}
	}
	return x.auth(host)
}

func (d Docker) dir() (string, error) {
	if dir := cmp.Or(d.Dir, os.Getenv("DOCKER_CONFIG")); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".docker"), err
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, ErrDockerConfig, limit)
	}
	return b, err
}

// dockerConfig is what is read of config.json.
type dockerConfig struct {
	Auths       map[string]dockerAuth `json:"auths"`
	CredHelpers map[string]string     `json:"credHelpers"`
	CredsStore  string                `json:"credsStore"`
}

type dockerAuth struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// helperName is what may stand behind docker-credential-: no path.
var helperName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func parseDockerConfig(b []byte) (x dockerConfig, err error) {
	if strictjson.Unmarshal(b, &x, strictjson.Limits{Size: maxDockerConfig, Depth: 32, AllowUnknown: true}) != nil {
		return dockerConfig{}, ErrDockerConfig
	}
	for _, name := range append(slices.Collect(maps.Values(x.CredHelpers)), x.CredsStore) {
		if name != "" && !helperName.MatchString(name) {
			return dockerConfig{}, fmt.Errorf("%w: a helper has the name %.80q", ErrDockerConfig, name)
		}
	}
	return x, nil
}

// helper returns the helper for a host, "" without one.
func (x dockerConfig) helper(host string) string {
	return cmp.Or(forHost(x.CredHelpers, host), x.CredsStore)
}

// auth returns what the file itself has for a host.
func (x dockerConfig) auth(host string) (Credential, error) {
	a := forHost(x.Auths, host)
	switch {
	case a.RegistryToken != "":
		return Credential{Token: a.RegistryToken}, nil
	case a.IdentityToken != "":
		return Credential{}, errIdentityToken
	case a.Auth != "":
		b, err := base64.StdEncoding.DecodeString(a.Auth)
		user, password, ok := strings.Cut(strings.TrimRight(string(b), "\x00"), ":")
		if err != nil || !ok || user == "" {
			return Credential{}, fmt.Errorf("%w: auth of %s", ErrDockerConfig, printable(host))
		}
		return Credential{User: user, Password: password}, nil
	case a.Username != "":
		return Credential{User: a.Username, Password: a.Password}, nil
	}
	return Credential{}, ErrNoCredential
}

// errIdentityToken is about a token that a third party would exchange for another one.
var errIdentityToken = errors.New("an identity token cannot be used here")

// forHost returns the value of a host: that of its plain name, or of the first address by
// alphabet that means it.
func forHost[V any](m map[string]V, host string) (v V) {
	if v, ok := m[host]; ok {
		return v
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if hostOf(key) == hostOf(host) {
			return m[key]
		}
	}
	return v
}

// dockerHub is the name under which credentials of Docker Hub are kept.
const dockerHub = "https://index.docker.io/v1/"

// hostOf returns the host that a key of config.json is about: a host, or an address of a
// registry. "" for a key about a part of a registry.
func hostOf(key string) string {
	s := strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, path, _ := strings.Cut(s, "/")
	switch strings.TrimSuffix(path, "/") {
	case "", "v1", "v2":
	default:
		return ""
	}
	host = strings.ToLower(host)
	switch host {
	case "docker.io", "registry-1.docker.io":
		return "index.docker.io"
	}
	return host
}

// serverOf returns the name by which a helper knows a host.
func serverOf(host string) string {
	if hostOf(host) == hostOf(dockerHub) {
		return dockerHub
	}
	return host
}

// run asks a helper, by the protocol of docker-credential-helpers. What it answers never
// becomes part of an error.
func (d Docker) run(ctx context.Context, helper, server string) (Credential, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeout, helperTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+helper, "get")
	cmd.WaitDelay = time.Second // for programs that it started and that keep its output
	cmd.Stdin = strings.NewReader(server)
	out := &limited{room: maxHelperAnswer}
	cmd.Stdout = out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if _, ran := errors.AsType[*exec.ExitError](err); ran && bytes.Contains(out.b, []byte("credentials not found")) {
			return Credential{}, ErrNoCredential
		}
		return Credential{}, fmt.Errorf("%s%s: %w", helperPrefix, helper, err)
	}
	c, err := parseHelperAnswer(out.b)
	if err != nil {
		return Credential{}, fmt.Errorf("%s%s: %w", helperPrefix, helper, err)
	}
	return c, nil
}

func parseHelperAnswer(b []byte) (Credential, error) {
	var x struct {
		ServerURL string `json:"ServerURL"`
		Username  string `json:"Username"`
		Secret    string `json:"Secret"`
	}
	if strictjson.Unmarshal(b, &x, strictjson.Limits{Size: maxHelperAnswer, Depth: 8, AllowUnknown: true}) != nil {
		return Credential{}, fmt.Errorf("its answer is %w", ErrDockerConfig)
	}
	switch {
	case x.Username == "<token>":
		return Credential{}, errIdentityToken
	case x.Username == "" && x.Secret == "":
		return Credential{}, ErrNoCredential
	}
	return Credential{User: x.Username, Password: x.Secret}, nil
}

// limited keeps what is written until there is no room, and fails then.
type limited struct {
	b    []byte
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > l.room {
		return 0, fmt.Errorf("it writes more than %d bytes", l.room)
	}
	l.b = append(l.b, p...)
	return len(p), nil
}
