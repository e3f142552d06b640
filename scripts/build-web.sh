#!/usr/bin/env bash
# Builds the page's WebAssembly into www/pkg, and lays the document readers, the model and the samples beside it.
#
#   GOSSAMER_MODEL_DIR   folder of the model's files (default: where `gossamer model fetch` puts them)
#   GOSSAMER_WASM_OPT    level for wasm-opt (default -O3)
#   GOSSAMER_COMMAND     the command that indexes the samples (default: where `make native` builds it)
#   CARGO_TARGET_DIR     as for cargo
#
# Idempotent; wasm-bindgen and wasm-opt run only when cargo made something new.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${GOSSAMER_CACHE:-$HOME/.cache/gossamer}"
model="${GOSSAMER_MODEL_DIR:-$cache/models/all-MiniLM-L6-v2}"
level="${GOSSAMER_WASM_OPT:--O3}"
source scripts/wasm.sh

"${cargo[@]}" rustc --release --lib --crate-type cdylib --target wasm32-unknown-unknown \
  --no-default-features --features web

raw="$target/wasm32-unknown-unknown/release/gossamer.wasm"
bind "$raw" www/pkg "$level"

node scripts/vendor-web.mjs
node scripts/assemble-web.mjs --model "$model" --raw "$raw" --cache "$cache" \
  --gossamer "${GOSSAMER_COMMAND:-$cache/native/release/gossamer}"
