# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.

CACHE ?= $(HOME)/.cache/gossamer
export GOSSAMER_CACHE := $(CACHE)
# Outside the clone, so that new clones and CI reuse what is compiled. One folder per target: cargo locks them.
NATIVE := $(CACHE)/native
WEB := $(CACHE)/target
GOSSAMER := $(NATIVE)/release/gossamer
# The web target's compiler: rustup's if it has the target, otherwise Debian's (scripts/setup.sh).
WASM = $(shell rustup target list --installed 2>/dev/null | grep -qx wasm32-unknown-unknown || echo +system)
WASM_CLIPPY = $(if $(WASM),/usr/bin/clippy-driver,$(shell rustup which clippy-driver))
# Clippy as the compiler of an ordinary build: the dependencies are then compiled once, not once more for checks,
# and what was linted is what is tested.
DENY := CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__
LINT_NATIVE := $(DENY) RUSTC_WORKSPACE_WRAPPER=$$(rustup which clippy-driver) CARGO_TARGET_DIR=$(NATIVE)

.PHONY: help demo test test-long setup model native web package fmt lint test-native test-mcp test-web test-kernels static test-aarch64 cross fuzz claim bench bench-serve bench-encoder bench-wasm bench-text

help: ## list the targets
	@awk -F '## ' '/^[a-z-]+:.*## / {split($$1, t, ":"); printf "%-12s %s\n", t[1], $$2}' $(MAKEFILE_LIST)

demo: setup native model web ## index the samples, ask three questions, serve the page (SERVE=0: do not serve)
	@scripts/demo.sh $(GOSSAMER)

test: setup fmt lint native model test-native test-aarch64 fuzz test-mcp package test-web ## every test, in a real browser with WebGPU too

# The storage tests by their nightly counts, and the browser tests by theirs.
test-long: setup native model package ## what takes too long for every run: many more crashes, kills and histories, the real model on emulated WebGPU
	GOSSAMER_CRASHES=10000 GOSSAMER_HISTORIES=10000 GOSSAMER_KILLS=100 $(LINT_NATIVE) cargo test --release --features fault \
		--test crash --test histories --test kill --test damage -- --nocapture
	cd wasm-tests && node run.mjs --long

setup: ## install what is needed
	@scripts/setup.sh

MODEL := $(CACHE)/models/all-MiniLM-L6-v2
model: native ## fetch the embedding model, verify it, and make its smaller weights
	@$(GOSSAMER) model fetch
	@[ -f $(MODEL)/model.int8.safetensors ] || $(GOSSAMER) model convert --to int8
	@[ -f $(MODEL)/model.f16.safetensors ] || $(GOSSAMER) model convert --to f16

claim:
	@scripts/claim-cache.sh $(NATIVE) $(WEB)

native: claim ## build the command
	@CARGO_TARGET_DIR=$(NATIVE) cargo build --release

web: claim ## build the page
	@CARGO_TARGET_DIR=$(WEB) scripts/build-web.sh

package: web ## build the npm package
	@CARGO_TARGET_DIR=$(WEB) scripts/build-package.sh

fmt:
	cargo fmt --check

lint: claim ## clippy on both targets
	$(LINT_NATIVE) cargo build --release --all-targets --features fault
	$(DENY) RUSTC_WORKSPACE_WRAPPER=$(WASM_CLIPPY) CARGO_TARGET_DIR=$(WEB) \
		cargo $(WASM) build --release --lib --target wasm32-unknown-unknown --no-default-features --features web

test-native: claim ## the tests that need no browser
	$(LINT_NATIVE) cargo test --release --features fault

test-mcp: native ## a session with the protocol's reference client
	cd tests/mcp && npm ci --ignore-scripts --no-audit --no-fund --silent && GOSSAMER=$(GOSSAMER) npm test --silent

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every decoder for FUZZ_SECONDS each, two at a time
	@GOSSAMER_CACHE=$(CACHE) scripts/fuzz.sh $(FUZZ_SECONDS)

test-web: test-kernels ## the tests in Chromium
	cd wasm-tests && npm test --silent

test-kernels: ## the encoder's kernels in WebAssembly, in Node, with and without the relaxed instructions
	cd wasm-tests/kernels && export PATH="$(CACHE)/tools/bin:$$PATH" CARGO_TARGET_DIR=$(CACHE)/kernels \
		CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner && \
		relaxed=--experimental-wasm-relaxed-simd && \
		for args in "" $$(node --v8-options | grep -q -- "  $$relaxed " && echo $$relaxed); do NODE_ARGS=$$args \
		cargo $(WASM) test --release --lib --target wasm32-unknown-unknown || exit 1; done

# Rust brings musl and a linker; some dependencies hold C and assembler.
ARCH ?= $(shell uname -m)
MUSL = $(ARCH)-unknown-linux-musl
UNDERSCORED = $(subst -,_,$(MUSL))
STATIC = $(NATIVE)/$(MUSL)/release/gossamer
static: claim ## build the small static command without GPU (ARCH=aarch64, x86_64; needs ARCH-linux-gnu-gcc)
	@rustup target list --installed | grep -qx $(MUSL) || rustup target add $(MUSL)
	$(DENY) RUSTC_WORKSPACE_WRAPPER=$$(rustup which clippy-driver) CARGO_TARGET_DIR=$(NATIVE) \
		CC_$(UNDERSCORED)=$(ARCH)-linux-gnu-gcc \
		CARGO_TARGET_$(shell echo $(UNDERSCORED) | tr a-z A-Z)_LINKER=rust-lld \
		cargo build --release --bin gossamer --no-default-features --features cli --target $(MUSL)
	@echo "$(STATIC): $$(stat -c %s $(STATIC)) bytes"

test-aarch64: ## build it for 64-bit Arm, state its size, and where QEMU is, have it index and find there
	@scripts/setup.sh aarch64
	@if rustup target list --installed | grep -qx aarch64-unknown-linux-musl && command -v aarch64-linux-gnu-gcc >/dev/null; then \
		$(MAKE) --no-print-directory static ARCH=aarch64 && \
		scripts/test-aarch64.sh $(NATIVE)/aarch64-unknown-linux-musl/release/gossamer; \
		else echo "test-aarch64: LEFT OUT, the target or the C compiler for it is not here" >&2; fi

CROSS := aarch64-unknown-linux-gnu
cross: ## build the command for aarch64 Linux; on Debian: apt-get install gcc-aarch64-linux-gnu
	rustup target add $(CROSS)
	CARGO_TARGET_DIR=$(CACHE)/cross CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
		cargo build --release --bin gossamer --target $(CROSS)
	@ls -l $(CACHE)/cross/$(CROSS)/release/gossamer

DATA ?= ../shared/data/squad
bench: setup ## the paper's evaluation beside other systems, on vectors in DATA: docs/benchmarks (STEPS="baselines render": a part)
	DATA=$(DATA) benches/paper/run.sh $(STEPS)

bench-serve: setup native model ## index rates, questions without HTTP, `gossamer serve` under load by wrk (LOAD_SECONDS=600)
	[ -x $(CACHE)/bench-paper/python/bin/python ] || STEPS=render $(MAKE) bench
	$(CACHE)/bench-paper/python/bin/python benches/serve/run.py $(GOSSAMER) $(DATA) samples docs/benchmarks/serve.json

bench-wasm: setup ## time codes, graph and walk in WebAssembly, in Node, on vectors in DATA
	cd benches/wasm && RUSTFLAGS='-C target-feature=+simd128' CARGO_TARGET_DIR=$(CACHE)/bench \
		cargo $(WASM) build --release --target wasm32-unknown-unknown
	PATH="$(CACHE)/tools/bin:$$PATH" wasm-bindgen --target nodejs --out-dir benches/wasm/pkg \
		$(CACHE)/bench/wasm32-unknown-unknown/release/gossamer_wasm_bench.wasm
	node benches/wasm/bench.mjs $(DATA)/passages.f16.npy $(DATA)/queries.f16.npy
	node benches/wasm/bench.mjs $(DATA)/passages.f16.npy $(DATA)/queries.f16.npy 10
	node benches/wasm/storage.mjs $(DATA)/passages.jsonl.gz

bench-text: setup ## compare text codecs, natively and in WebAssembly, on passages in DATA
	CARGO_TARGET_DIR=$(CACHE)/bench benches/text/run.sh $(DATA)/passages.jsonl.gz

BENCH := $(CACHE)/bench-encoder
bench-encoder: setup native model web ## the encoder beside onnxruntime and transformers.js (FLAGS=--webgpu: emulated or real GPU; --profile: by kernel; --recall: by precision)
	CARGO_TARGET_DIR=$(NATIVE) cargo build --release --example encoder_speed
	[ -x $(BENCH)/venv/bin/python ] || python3 -m venv $(BENCH)/venv
	$(BENCH)/venv/bin/pip install --quiet --requirement benches/encoder/requirements.txt
	[ -f $(BENCH)/model/onnx/model.onnx ] || $(BENCH)/venv/bin/python benches/encoder/export_onnx.py $(MODEL) $(BENCH)/model
	cd benches/encoder && npm ci --ignore-scripts --no-audit --no-fund --silent
	GOSSAMER=$(GOSSAMER) ENCODER_SPEED=$(NATIVE)/release/examples/encoder_speed node benches/encoder/run.mjs $(FLAGS)
