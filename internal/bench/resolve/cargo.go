package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cargoProject writes a local registry with the packages of u and a project that needs
// some of them, for "cargo generate-lockfile --offline". The forms are those of the
// Cargo book: "Source Replacement" and "Index Format".
func cargoProject(u *universe, dir string, wishes []string) error {
	for p, list := range u.Packages {
		var b strings.Builder
		for k, r := range list {
			fmt.Fprintf(&b, `{"name":"%s","vers":"1.0.%d","deps":[`, p, k)
			for i, d := range r.Deps {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, `{"name":"%s","req":">=1.0.%d, <1.0.%d","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal"}`, d.P, d.Iv[0][0], d.Iv[0][1])
			}
			fmt.Fprintf(&b, `],"cksum":"%s","features":{},"yanked":false}`+"\n", strings.Repeat("0", 64))
		}
		if err := write(filepath.Join(dir, "registry", "index", p[:2], p[2:4], p), b.String()); err != nil {
			return err
		}
	}
	var needs strings.Builder
	for _, p := range wishes {
		fmt.Fprintf(&needs, "%s = \"*\"\n", p)
	}
	for file, text := range map[string]string{
		"project/Cargo.toml":         "[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n" + needs.String(),
		"project/src/lib.rs":         "",
		"project/.cargo/config.toml": "[source.crates-io]\nreplace-with = \"local\"\n\n[source.local]\nlocal-registry = \"" + filepath.Join(dir, "registry") + "\"\n",
	} {
		if err := write(filepath.Join(dir, file), text); err != nil {
			return err
		}
	}
	return nil
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
