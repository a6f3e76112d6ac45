#!/bin/sh
# Checks everything here, as the workflow in .github does. ruff and pyright are used where they are installed.
set -eu
cd "$(dirname "$0")"
nerodia lint --strict {{name}}.yaml
nerodia test {{name}}.yaml
nerodia try {{name}}.yaml --from-file samples.jsonl
if command -v ruff > /dev/null; then
  ruff check .
  ruff format --check .
else
  echo "check.sh: ruff is not installed: style is not checked" >&2
fi
if command -v pyright > /dev/null; then
  pyright
else
  echo "check.sh: pyright is not installed: types are not checked" >&2
fi
