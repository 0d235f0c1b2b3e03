# The front door. Everything here is a name for a script or a Meson command.
#   make demo    installs what is missing, builds, and recognises people in a real video
#   make test    installs what tests need, builds, runs everything
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 5

# The pinned models and data, when they lie beside the checkout; otherwise they are downloaded.
ifeq ($(strip $(FACET_MIRROR)),)
ifneq ($(wildcard ../shared/models),)
export FACET_MIRROR := $(abspath ../shared)
endif
endif

.PHONY: all build demo test test-asan test-tsan fuzz-smoke bench bench-rivals eval install deb deb-check soak clean help

all: build

help:
	@sed -n 's/^#   //p' Makefile; echo "also: test-asan test-tsan fuzz-smoke bench bench-rivals eval install deb deb-check clean"

# A new build folder is made without the tests, so that nothing is installed for them.
build:
	@scripts/install-deps.sh build
	@scripts/build.sh $(BUILD)

demo: build
	@scripts/demo.sh $(BUILD)

test:
	@scripts/install-deps.sh build test
	@scripts/build.sh $(BUILD) -Dtests=true
	@scripts/test.sh $(BUILD)

test-asan:
	@scripts/install-deps.sh build test
	@scripts/test-sanitized.sh asan

test-tsan:
	@scripts/install-deps.sh build test
	@scripts/test-sanitized.sh tsan

fuzz-smoke:
	@scripts/install-deps.sh build fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz-smoke.sh

bench: build
	@$(BUILD)/src/cli/facet bench engine

bench-rivals: build
	@scripts/bench-rivals.sh $(BUILD)

eval: build
	@scripts/eval.sh $(BUILD)

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@scripts/build.sh $(BUILD)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

# Debian packages, into $(BUILD)/deb (docs/install.md).
deb:
	@scripts/install-deps.sh build deb
	@scripts/deb.sh $(BUILD)

# A whole site for an hour: what grows? (docs/reliability.md)
MINUTES ?= 60
soak:
	@scripts/install-deps.sh build test
	@scripts/build.sh $(BUILD) -Dtests=true
	@scripts/soak.py --build $(BUILD) --minutes $(MINUTES) --out $(BUILD)/soak

deb-check: deb
	@scripts/deb-check.sh $(BUILD)

clean:
	rm -rf $(BUILD) build-asan build-tsan build-fuzz
