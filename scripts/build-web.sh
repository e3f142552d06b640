#!/usr/bin/env bash
# Builds the page's WebAssembly into www/pkg, and lays the document readers, the model and the samples beside it.
#
#   GOSSAMER_MODEL_DIR   folder of the model's files (default: where `gossamer model fetch` puts them)
#   GOSSAMER_WASM_OPT    level for wasm-opt (default -O3)
#   CARGO_TARGET_DIR     as for cargo
#
# Idempotent; wasm-bindgen and wasm-opt run only when cargo made something new.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${GOSSAMER_CACHE:-$HOME/.cache/gossamer}"
model="${GOSSAMER_MODEL_DIR:-$cache/models/all-MiniLM-L6-v2}"
level="${GOSSAMER_WASM_OPT:--O3}"
target="${CARGO_TARGET_DIR:-target}"
export PATH="$cache/tools/bin:$PATH"

# The installed target where there is one, otherwise the toolchain that scripts/setup.sh prepares.
cargo=(cargo)
if ! rustup target list --installed 2>/dev/null | grep -qx wasm32-unknown-unknown; then
  if ! rustup toolchain list 2>/dev/null | grep -q '^system'; then
    echo "the target wasm32-unknown-unknown is not installed: run scripts/setup.sh" >&2
    exit 1
  fi
  cargo=(cargo +system)
fi
if ! command -v wasm-bindgen >/dev/null; then
  echo "wasm-bindgen is not installed: run scripts/setup.sh" >&2
  exit 1
fi
if [[ ! -x wasm-tests/node_modules/.bin/wasm-opt || ! -x wasm-tests/node_modules/.bin/esbuild ]]; then
  (cd wasm-tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi

"${cargo[@]}" rustc --release --lib --crate-type cdylib --target wasm32-unknown-unknown \
  --no-default-features --features web

raw="$target/wasm32-unknown-unknown/release/gossamer.wasm"
stamp="$(sha256sum "$raw" | cut -d' ' -f1) $(wasm-bindgen --version) wasm-opt $level"
if [[ "$(cat www/pkg/.stamp 2>/dev/null || true)" != "$stamp" ]]; then
  rm -rf www/pkg
  wasm-bindgen --target web --out-dir www/pkg --out-name gossamer "$raw"
  wasm-tests/node_modules/.bin/wasm-opt "$level" \
    --enable-bulk-memory --enable-bulk-memory-opt --enable-multivalue --enable-mutable-globals \
    --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext --enable-simd \
    --strip-producers -o www/pkg/optimised.wasm www/pkg/gossamer_bg.wasm
  mv www/pkg/optimised.wasm www/pkg/gossamer_bg.wasm
  echo "$stamp" > www/pkg/.stamp
fi

# The npm package holds the same module.
mkdir -p pkg/dist
cp www/pkg/gossamer.js www/pkg/gossamer.d.ts www/pkg/gossamer_bg.wasm pkg/dist/

node scripts/vendor-web.mjs
node scripts/assemble-web.mjs --model "$model" --raw "$raw"
