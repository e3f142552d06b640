#!/usr/bin/env bash
# Builds the npm package into pkg/dist: the page's module, and one without the encoder for applications that bring
# their own embedder. After scripts/build-web.sh; the same variables count.
#
# Idempotent.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/wasm.sh

# A profile of its own, since cargo gives both modules the same name.
"${cargo[@]}" rustc --profile slim --lib --crate-type cdylib --target wasm32-unknown-unknown \
  --no-default-features --features browser
# The first kilobyte of memory is the far end of the stack: constants fold into the offsets of loads, 2.6 kB less with gzip.
bind "$target/wasm32-unknown-unknown/slim/gossamer.wasm" pkg/glue/slim "${GOSSAMER_WASM_OPT:--O3}" --low-memory-unused

node pkg/build.mjs
