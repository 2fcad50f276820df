#!/bin/sh
# A plugin in a shell script: one run for each call, JSON in and out. The rules are in
# docs/spec/command.md. It reads JSON with sed, which does for a name without quotes.
[ "$1/$2" = acme.dev/greeter.v1/Greet ] || exit 112 # unimplemented

text() { sed -n 's/.*"'"$1"'":"\([^"\\]*\)".*/\1/p'; }

name=$(text name)
if [ -z "$name" ]; then
	echo '{"message":"no name","reason":"NO_NAME"}'
	exit 103 # invalid argument
fi
greeting=$(printf %s "$PLUGSTEAD_CONFIG" | text greeting)
echo "info: greeting $name" >&2
printf '{"text":"%s, %s"}\n' "${greeting:-hello}" "$name"
