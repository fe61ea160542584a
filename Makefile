# Bulkhead. `make help` lists what can be asked for.
#
# Targets run as root and need no systemd. Whatever they start, they stop.

.DEFAULT_GOAL := help
.PHONY: help tools build demo test check bench fuzz deny clean

# What the tests, the demo and the benches run: real switches, namespaces, real clients.
PACKAGES := openvswitch-switch openvswitch-common iproute2 iputils-ping ethtool nftables \
            util-linux procps busybox isc-dhcp-client xz-utils gcc g++ libc6-dev \
            pkg-config ca-certificates pmacct nfdump-sflow \
            libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-driver-lxc libvirt-clients qemu-system-x86 \
            lxc xenstore-utils podman crun

# What a lab starts, and what looks at it, stands side by side in target/debug. Cargo builds a
# dependency once for each set of features that is asked of it, so everything is asked for at once:
# always the whole workspace, and for tests and documentation with what tests need.
PROGRAMS := --workspace --bins
# There are no examples; naming them asks for the features that tests need, as the lints did just before.
# The program netctl has the name of its library, whose pages would be overwritten.
DOCUMENTED := --lib --bin 'bulkhead-*' --bin demo --examples

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

tools: ## install the Debian packages that are missing
	@missing=$$(for package in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; \
	  done); \
	if [ -n "$$missing" ]; then \
	  echo "installing" $$missing; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi
	@cargo --version >/dev/null || { echo "a Rust toolchain is needed: https://rustup.rs"; exit 1; }

build: tools ## build the programs
	cargo build $(PROGRAMS)

demo: build ## show the main job end to end on three hosts, then clean up
	@target/debug/demo

test: tools ## run every test: unit, property, golden, codec, whole system, fuzz
	cargo build $(PROGRAMS) --tests
	cargo test --workspace --no-fail-fast
	$(MAKE) --no-print-directory fuzz SECONDS_EACH=5

check: tools ## formatting, lints, documentation, dependency edges
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet $(DOCUMENTED)
	cargo test --quiet --workspace --test architecture

bench: tools ## micro-benches and whole-system figures
	cargo build --release $(PROGRAMS) --bench '*'
	cargo bench --workspace --bench '*'

SECONDS_EACH ?= 60
fuzz: tools ## fuzz every decoder, SECONDS_EACH seconds each
	@tests/fuzz/run $(SECONDS_EACH)

deny: tools ## licences, bans and sources of every dependency
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources

clean: ## remove what was built
	cargo clean
	rm -rf tests/fuzz/target tests/fuzz/corpus tests/fuzz/artifacts tests/output
