// Package manifest describes a plugin: plugin.yaml for people, plugin.json in
// artifacts.
//
// Both formats are strict and described in docs/spec/manifest.md. The package is
// pure: it reads no files and checks no paths against a file system.
package manifest
