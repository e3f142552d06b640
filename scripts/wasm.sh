# What the builds for WebAssembly share; to be sourced. Sets `cargo` (the command, an array) and `target`, and has `bind`.

target="${CARGO_TARGET_DIR:-target}"
export PATH="${GOSSAMER_CACHE:-$HOME/.cache/gossamer}/tools/bin:$PATH"

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
if [[ ! -x wasm-tests/node_modules/.bin/wasm-opt ]]; then
  (cd wasm-tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi

# bind RAW FOLDER LEVEL [OPTION...]: the module and its glue, made only where cargo made something new.
bind() {
  local raw="$1" to="$2" levels=("${@:3}") stamp
  stamp="$(sha256sum "$raw" | cut -d' ' -f1) $(wasm-bindgen --version) wasm-opt ${levels[*]}"
  if [[ "$(cat "$to/.stamp" 2>/dev/null || true)" == "$stamp" ]]; then return; fi
  rm -rf "$to"
  wasm-bindgen --target web --out-dir "$to" --out-name gossamer "$raw"
  wasm-tests/node_modules/.bin/wasm-opt "${levels[@]}" \
    --enable-bulk-memory --enable-bulk-memory-opt --enable-multivalue --enable-mutable-globals \
    --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext --enable-simd \
    --strip-producers -o "$to/optimised.wasm" "$to/gossamer_bg.wasm"
  mv "$to/optimised.wasm" "$to/gossamer_bg.wasm"
  echo "$stamp" > "$to/.stamp"
}
