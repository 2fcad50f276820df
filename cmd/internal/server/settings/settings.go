// Package settings reads what a registry server is told: from flags, the environment, one
// file, and defaults, in this order. Every setting is a line of one table, from which the
// reference page and the list with origins come too.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
)

// ErrSetting says that a setting is not known or has a value that it cannot have.
var ErrSetting = errors.New("wrong setting")

// Setting is one thing that can be set.
type Setting struct {
	Key     string // in the file, with a dot between levels
	Help    string
	Default string
	Secret  bool // its value is never shown
	set     func(*target, string) error
}

// Env is the name of the environment variable of a setting.
func (s Setting) Env() string {
	return "PLUGSTEAD_REGISTRY_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.Key))
}

// target gathers what settings mean.
type target struct {
	server.Options
	bucket    blobs.BucketOptions
	logFormat string
	logLevel  string
}

// table has every setting.
var table = []Setting{
	{Key: "listen", Default: "127.0.0.1:8080", Help: "address and port; port 0 takes a free one", set: text(func(t *target) *string { return &t.Listen })},
	{Key: "url", Help: "address under which clients reach the registry, `https://plugins.example.org`; without it that of each request. Needed behind a proxy that ends TLS", set: address(func(t *target) *string { return &t.URL })},
	{Key: "data", Default: "plugstead-data", Help: "folder for everything the registry keeps; not used with both `database` and `storage.bucket`", set: text(func(t *target) *string { return &t.Data })},
	{Key: "database", Secret: true, Help: "address of a PostgreSQL database, `postgres://USER:PASSWORD@HOST/NAME`; without it a file in `data`", set: text(func(t *target) *string { return &t.Database })},
	{Key: "storage.bucket", Help: "bucket for blobs, which exists; without it a folder in `data`", set: text(func(t *target) *string { return &t.bucket.Bucket })},
	{Key: "storage.endpoint", Default: "s3.amazonaws.com", Help: "host and port of the S3 service", set: text(func(t *target) *string { return &t.bucket.Endpoint })},
	{Key: "storage.prefix", Help: "what the keys of all objects begin with, with a slash at its end", set: text(func(t *target) *string { return &t.bucket.Prefix })},
	{Key: "storage.region", Help: "region of the bucket; without it the service is asked", set: text(func(t *target) *string { return &t.bucket.Region })},
	{Key: "storage.access-key", Help: "without it, what AWS tools would use on this machine", set: text(func(t *target) *string { return &t.bucket.AccessKey })},
	{Key: "storage.secret-key", Secret: true, Help: "the secret of `storage.access-key`", set: text(func(t *target) *string { return &t.bucket.SecretKey })},
	{Key: "storage.plain", Default: "false", Help: "http in place of https to the S3 service", set: yesNo(func(t *target) *bool { return &t.bucket.Plain })},
	{Key: "storage.redirect", Default: "false", Help: "clients fetch blobs from the bucket, with addresses that are good for a minute, and not through the registry", set: yesNo(func(t *target) *bool { return &t.Redirect })},
	{Key: "tls.cert", Help: "file of a certificate with its chain; with `tls.key`: https", set: text(func(t *target) *string { return &t.Cert })},
	{Key: "tls.key", Help: "file of the key of `tls.cert`", set: text(func(t *target) *string { return &t.Key })},
	{Key: "limits.blob", Default: "4GiB", Help: "largest blob", set: size(func(t *target) *int64 { return &t.MaxBlob })},
	{Key: "collect.every", Default: "1h", Help: "time between two collections of what nothing names; 0: none", set: duration(func(t *target) *time.Duration { return &t.CollectEvery })},
	{Key: "collect.grace", Default: "24h", Help: "what is younger stays; longer than any publication takes", set: duration(func(t *target) *time.Duration { return &t.CollectGrace })},
	{Key: "log.format", Default: "text", Help: "`text` or `json`", set: oneOf(func(t *target) *string { return &t.logFormat }, "text", "json")},
	{Key: "log.level", Default: "info", Help: "`debug`, `info`, `warn` or `error`", set: oneOf(func(t *target) *string { return &t.logLevel }, "debug", "info", "warn", "error")},
}

// All lists every setting.
func All() []Setting { return slices.Clone(table) }

func find(key string) (Setting, error) {
	i := slices.IndexFunc(table, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return Setting{}, fmt.Errorf("%w: there is no setting %.60q", ErrSetting, key)
	}
	return table[i], nil
}

func text(field func(*target) *string) func(*target, string) error {
	return func(t *target, s string) error {
		*field(t) = s
		return nil
	}
}

func address(field func(*target) *string) func(*target, string) error {
	return func(t *target, s string) error {
		u, err := url.Parse(s)
		if s != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
			return errors.New("want http:// or https:// and a host")
		}
		*field(t) = s
		return nil
	}
}

func yesNo(field func(*target) *bool) func(*target, string) error {
	return func(t *target, s string) (err error) {
		if *field(t), err = strconv.ParseBool(s); err != nil {
			return errors.New("want true or false")
		}
		return nil
	}
}

func duration(field func(*target) *time.Duration) func(*target, string) error {
	return func(t *target, s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return errors.New("want a time such as 90s, 30m or 24h")
		}
		*field(t) = d
		return nil
	}
}

func oneOf(field func(*target) *string, list ...string) func(*target, string) error {
	return func(t *target, s string) error {
		if !slices.Contains(list, s) {
			return fmt.Errorf("want %s", strings.Join(list, ", "))
		}
		*field(t) = s
		return nil
	}
}

var units = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

func size(field func(*target) *int64) func(*target, string) error {
	return func(t *target, s string) error {
		number := strings.TrimRight(s, "BKMGTi")
		unit, ok := units[s[len(number):]]
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || n <= 0 || n > 1<<60/unit {
			return fmt.Errorf("want a number with one of %s", strings.Join(slices.SortedFunc(maps.Keys(units), func(a, b string) int { return int(units[a]/1024) - int(units[b]/1024) }), ", "))
		}
		*field(t) = n * unit
		return nil
	}
}
