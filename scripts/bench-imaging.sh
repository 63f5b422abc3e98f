#!/usr/bin/env bash
# A 12-megapixel JPEG to 512 px, beside a warm sharp in the same run. Figures only.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.tools/sharp
arguments=()
if command -v node >/dev/null && command -v npm >/dev/null; then
  if [ ! -d "$tools/node_modules/sharp" ]; then
    mkdir -p "$tools"
    npm install --silent --no-audit --no-fund --prefix "$tools" sharp@0.35 >&2
  fi
  arguments=(--sharp "$PWD/$tools")
else
  echo "node and npm are missing: no comparison with sharp" >&2
fi
exec cargo bench --quiet -p imaging --bench twelve_megapixels -- "${arguments[@]}"
