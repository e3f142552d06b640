#!/usr/bin/env bash
# Installs what building and testing need, and nothing that is there already.
#
#   the wasm32 target of Rust, wasm-bindgen's command, Node packages of the browser tests,
#   a Chromium with WebGPU, and a Vulkan driver (Mesa's software one if there is no GPU);
#   with the argument `aarch64` also, as far as they can be had: Rust's target, a C compiler and QEMU for 64-bit Arm
#
# System packages are installed with apt where it exists and we may use it; elsewhere the script says what is
# missing. Everything else goes to $GOSSAMER_CACHE (default ~/.cache/gossamer).
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${GOSSAMER_CACHE:-$HOME/.cache/gossamer}"
target=wasm32-unknown-unknown
mkdir -p "$cache"

say() { echo "setup: $*" >&2; }

# System packages: name them all at once, so that apt runs once.
wanted=()
have() { command -v "$1" >/dev/null 2>&1; }
{ have cc && have c++; } || wanted+=(build-essential)
have node || wanted+=(nodejs npm)
[[ -n "${CHROMIUM:-}" ]] || have chromium || wanted+=(chromium)
compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null || compgen -G "/etc/vulkan/icd.d/*.json" >/dev/null ||
  [[ "$(uname)" == Darwin ]] || wanted+=(mesa-vulkan-drivers)
ldconfig -p 2>/dev/null | grep -q libvulkan.so.1 || [[ "$(uname)" == Darwin ]] || wanted+=(libvulkan1)

if ! have cargo; then
  say "Rust is missing: install it with rustup (https://rustup.rs), then run this again"
  exit 1
fi

# The wasm32 target: as it is, or prepared by an earlier run, or from rustup, or from Debian's own Rust.
prepared() { ls "$(rustc "+system" --print sysroot 2>/dev/null)/lib/rustlib/$target/lib/"libstd-*.rlib >/dev/null 2>&1; }
if rustup target list --installed 2>/dev/null | grep -qx "$target"; then
  debian_rust=no
elif prepared; then
  debian_rust=yes
elif rustup target add "$target" >/dev/null 2>&1; then
  debian_rust=no
else
  debian_rust=yes
  say "rustup cannot download $target here: using Debian's Rust for it"
fi
if [[ $debian_rust == yes ]]; then
  [[ -x /usr/bin/rustc && -d /usr/lib/rustlib/src/rust/library ]] || wanted+=(rustc-web cargo-web rust-web-src)
  [[ -x /usr/bin/clippy-driver ]] || wanted+=(rust-web-clippy)
fi

install() {
  local sudo=()
  [[ "$(id -u)" == 0 ]] || sudo=(sudo)
  say "installing $*"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
if ((${#wanted[@]})); then
  if have apt-get; then
    install "${wanted[@]}"
  else
    say "please install: ${wanted[*]} (then run this again)"
    exit 1
  fi
fi

# For 64-bit Arm: what cannot be had is said, and its test is left out.
if [[ "${1:-}" == aarch64 ]]; then
  arm=aarch64-unknown-linux-musl
  rustup target list --installed 2>/dev/null | grep -qx "$arm" || rustup target add "$arm" >/dev/null 2>&1 ||
    say "rustup cannot download $arm here"
  wanted=()
  have aarch64-linux-gnu-gcc || wanted+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
  have qemu-aarch64-static || have qemu-aarch64 || wanted+=(qemu-user-static)
  ((${#wanted[@]} == 0)) || { have apt-get && install "${wanted[@]}"; } || say "not here: ${wanted[*]}"
fi

# Debian ships the source of its standard library, not the compiled one for wasm32: build it once.
if [[ $debian_rust == yes ]]; then
  sysroot="$(/usr/bin/rustc --print sysroot)"
  if ! ls "$sysroot/lib/rustlib/$target/lib/"libstd-*.rlib >/dev/null 2>&1; then
    say "building the standard library for $target (about a minute)"
    work="$(mktemp -d)"
    trap 'rm -rf "$work"' EXIT
    cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "std-builder"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[profile.release]
codegen-units = 1
TOML
    echo '#![no_std]' >"$work/lib.rs"
    (cd "$work" && RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo build --quiet --release --target "$target" \
      -Z build-std=std,panic_abort,test --target-dir "$work/target")
    mkdir -p "$sysroot/lib/rustlib/$target/lib"
    rm -f "$work/target/$target/release/deps/"libstd_builder*
    cp "$work/target/$target/release/deps/"lib*.rlib "$sysroot/lib/rustlib/$target/lib/"
  fi
  # Debian's package leaves out the linker for wasm; rustup's is the same one.
  host="$(/usr/bin/rustc -vV | sed -n 's/^host: //p')"
  if ! [[ -e "$sysroot/lib/rustlib/$host/bin/rust-lld" ]]; then
    lld="$(find "$HOME/.rustup/toolchains" -name rust-lld -path "*$host*" | head -n 1)"
    mkdir -p "$sysroot/lib/rustlib/$host/bin"
    ln -s "$lld" "$sysroot/lib/rustlib/$host/bin/rust-lld"
  fi
  rustup toolchain link system "$sysroot"
fi

# wasm-bindgen's command must be of the version that the crate is locked to.
version="$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
if ! PATH="$cache/tools/bin:$PATH" wasm-bindgen --version 2>/dev/null | grep -qF "$version"; then
  say "building wasm-bindgen $version (about three minutes)"
  CARGO_TARGET_DIR="$cache/tools-target" cargo install --quiet wasm-bindgen-cli --version "$version" --root "$cache/tools"
fi

# Node packages of the browser tests (playwright-core drives the installed Chromium; wasm-opt).
stamp="$(sha256sum wasm-tests/package-lock.json | cut -d' ' -f1)"
if [[ "$(cat wasm-tests/node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]]; then
  (cd wasm-tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$stamp" >wasm-tests/node_modules/.stamp
fi
say "ready"
