// Package hook calls all plugins that implement an extension point, in the order that
// they declare: as a chain, where each gets what the one before made, side by side, or
// until one answers.
//
// The order is that of the hooks of their manifests, the same for every call while the
// same plugins run: a plugin stands behind those that it names as after and before those
// that it names as before; where nothing is said lower priorities stand first, then lower
// ids. See docs/spec/manifest.md.
package hook
