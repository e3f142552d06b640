#!/usr/bin/env bash
# Clones share what is compiled of the dependencies. Cargo names this crate's own artifacts alike in every clone and
# trusts modification times, so sources edited before another clone was built would pass for built: make them newer.
set -euo pipefail
cd "$(dirname "$0")/.."
for folder in "$@"; do
  mkdir -p "$folder"
  if [[ "$(cat "$folder/.clone" 2>/dev/null || true)" != "$PWD" ]]; then
    find src tests examples benches -name '*.rs' -exec touch {} +
    echo "$PWD" >"$folder/.clone"
  fi
done
