# Two commands matter: `make demo` shows the product, `make test` checks all of it.
# Whatever else they need is installed or made on the way; Rust must be there (https://rustup.rs).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo build failpoints test players lint bench fuzz fmt clip rust tools

# The program must be at target/release/hlskey, whatever the environment says.
export CARGO_TARGET_DIR := $(CURDIR)/target
HLSKEY := $(CURDIR)/target/release/hlskey
# The same program with fail points, for the crash tests; never shipped.
FAILPOINTS := $(CURDIR)/target/failpoints/hlskey
# What npm writes last, and only when everything is installed: the player, and the tests' tools.
INSTALLED := node_modules/.package-lock.json
# In no folder of PATH; which version it is does not matter.
INITDB := $(or $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb)),initdb)
PLAYER := web/$(INSTALLED)
DRIVERS := $(patsubst %/package.json,%/$(INSTALLED),$(wildcard tests/*/package.json))
# Signers and verifiers that others wrote, for the tests.
PEERS := tests/python/.venv/installed

FUZZ_SECONDS := 60

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: build ## run the whole product on this machine: make demo ARGS="--rotate 20s"
	@exec "$(HLSKEY)" demo $(ARGS)

build: rust $(PLAYER) ## build target/release/hlskey, page and clip included
	cargo build --release --locked

test: tools lint build failpoints $(DRIVERS) $(PEERS) ## run every check: lints, licences, units, the built program
	HLSKEY_BIN="$(HLSKEY)" HLSKEY_FAILPOINTS_BIN="$(FAILPOINTS)" cargo nextest run --locked
	cargo nextest run --locked --profile postgres
	cargo test --locked --doc --quiet
	node --test web/page/ web/watch/

players: tools build $(DRIVERS) ## play by every player and every transport, ten minutes: writes docs/PLAYERS.md
	HLSKEY_BIN="$(HLSKEY)" cargo nextest run --locked --test it --run-ignored only -E 'test(/^players::the_whole_matrix/)'

lint: tools $(PLAYER) ## check format, lints, documentation, licences and scripts
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	# What the targets call is built with the units; here only that the lock file is right.
	cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet
	# Advisories are left out: their database is not on every network. `cargo deny check` has them.
	cargo fetch --locked --quiet
	cargo deny --offline --log-level error check licenses bans sources
	shopt -s nullglob
	for script in web/page/*.js web/watch/*.js tests/*/*.mjs tests/browser/players/*.mjs; do node --check "$$script"; done
	for script in tools/*.sh web/clip/*.sh .ci/run; do bash -n "$$script"; done
	for script in tests/python/*.py; do python3 -c "import ast, sys; ast.parse(sys.stdin.read())" <"$$script"; done

bench: rust $(PLAYER) ## measure against named peers, interleaved in one run: writes docs/PERFORMANCE.md
	# Two cores are needed, and nobody else at them. BENCH_ROUNDS=3 is a quick look.
	export PATH="$$PATH:/usr/sbin"
	tools/need.sh nginx=nginx wrk=wrk openssl=openssl taskset=util-linux
	cargo bench --locked --profile dist --bench performance

# libFuzzer needs the nightly compiler. No sanitizer: there is no unsafe code of ours to watch.
fuzz: rust ## try tokens that nobody would think of: make fuzz FUZZ_SECONDS=600, a scheme each
	@tools/need.sh c++=g++
	rustc +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
	cargo fuzz --version >/dev/null 2>&1 || cargo install --locked --debug cargo-fuzz
	for target in $$(cargo +nightly fuzz list); do
	    found="fuzz/target/found/$$target"
	    mkdir -p "$$found"
	    cargo +nightly fuzz run --sanitizer none "$$target" "$$found" "fuzz/corpus/$$target" \
	        -- -max_total_time=$(FUZZ_SECONDS) -max_len=8192
	done

fmt: ## format the sources
	cargo fmt

clip: ## make the demo's clip again; the result is committed
	tools/need.sh ffmpeg=ffmpeg,fonts-dejavu-core
	web/clip/make.sh

# --- what the others need ---

rust:
	@tools/need.sh cc=gcc,libc6-dev
	command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs" >&2; exit 1; }

failpoints: rust $(PLAYER)
	cargo build --locked --features failpoints
	install -D "$(CARGO_TARGET_DIR)/debug/hlskey" "$(FAILPOINTS)"

tools: rust
	@tools/need.sh ffmpeg=ffmpeg chromium=chromium,fonts-dejavu-core node=nodejs npm=npm python3=python3 ps=procps systemd-analyze=systemd \
	    $(INITDB)=postgresql faketime=faketime openssl=openssl php=php-cli /usr/sbin/nginx=nginx
	@[ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] || tools/need.sh ngx_rtmp_module=libnginx-mod-rtmp
	@tools/need.sh cvlc=vlc-bin,vlc-plugin-base gst-launch-1.0=gstreamer1.0-tools
	@/usr/bin/python3 -c "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst" 2>/dev/null \
	    || tools/need.sh gst-python=python3-gst-1.0,gir1.2-gst-plugins-base-1.0
	@gst-inspect-1.0 hlsdemux2 >/dev/null 2>&1 && gst-inspect-1.0 avdec_h264 >/dev/null 2>&1 && gst-inspect-1.0 playbin3 >/dev/null 2>&1 && gst-inspect-1.0 tsdemux >/dev/null 2>&1 \
	    || tools/need.sh gst-plugins=gstreamer1.0-plugins-base,gstreamer1.0-plugins-good,gstreamer1.0-plugins-bad,gstreamer1.0-libav
	cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest
	# It reads a lock file: built faster than optimized it would save.
	cargo deny --version >/dev/null 2>&1 \
	    || CARGO_PROFILE_DEV_DEBUG=false cargo install --locked --debug cargo-deny

%/$(INSTALLED): %/package.json %/package-lock.json
	@tools/need.sh node=nodejs npm=npm
	node -e 'process.exit(+(process.versions.node.split(".")[0] < 18))' \
	    || { echo "node 18 or newer is needed, this is $$(node --version)" >&2; exit 1; }
	npm ci --prefix $* --no-audit --no-fund --ignore-scripts
	touch $@

$(PEERS): tests/python/requirements.txt
	@tools/need.sh python3=python3
	# Debian has it in a package of its own, without a command.
	python3 -c "import ensurepip" 2>/dev/null || tools/need.sh ensurepip=python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@
