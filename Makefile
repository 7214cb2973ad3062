# kick-gateway: `make run` starts everything, `make test` tests everything, `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

SWIFT ?= swift
DEBUG := --scratch-path .build
RELEASE := --scratch-path .build-release --configuration release
SOURCES := Package.swift Sources Tests
DEV_CONFIGURATION ?= release
# What the build and the tests stand on. Root installs; others use sudo when they have it.
PACKAGES := libssl-dev libpq-dev postgresql openssl ca-certificates binutils curl python3 python3-venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: help deps build release run test check format lint bench chaos clean

help:
	@echo "make run      build and start everything for development: database, sandbox, gateway, demo"
	@echo "make test     every test, against a PostgreSQL that they start themselves"
	@echo "make check    formatting, warnings as errors, tests, linkage: what a change must pass"
	@echo "make format   format the sources in place"
	@echo "make bench    the performance table (release build)"
	@echo "make chaos    gateways and databases killed at the worst moments: no login and no event may be lost (50 minutes)"
	@echo "make build    debug build        make release  release build"
	@echo "make deps     install what is missing (Debian)"
	@echo "make clean    remove build folders"

# Installs only what is missing, so that without network or rights nothing happens when all is there.
deps:
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] || { echo "installing:$$missing"; \
	  $(SUDO) mkdir -p /etc/postgresql-common/createcluster.d && \
	  echo "create_main_cluster = false" | $(SUDO) tee /etc/postgresql-common/createcluster.d/kick-gateway.conf >/dev/null && \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

build:
	$(SWIFT) build $(DEBUG)

release:
	$(SWIFT) build $(RELEASE)

run: deps
	$(SWIFT) build --scratch-path .build-$(DEV_CONFIGURATION) --configuration $(DEV_CONFIGURATION)
	@exec .build-$(DEV_CONFIGURATION)/$(DEV_CONFIGURATION)/kick-gateway dev

# The programs' own tests come last and alone: they wait for processes, which would hold up the others' threads. Behind
# them the contract: a client that is generated from it, and schemathesis, against the running programs.
# Whatever a test learns of tokens, codes, secrets and keys is collected, and must not be in anything that was printed.
test: export KICK_GATEWAY_TEST_SECRETS := $(CURDIR)/.build/test-secrets
# All tests at once, each with loops, a database and its connections, would starve one another on a small machine.
test: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH := 16
test: deps
	$(SWIFT) build $(DEBUG) --build-tests
	@rm -f .build/test-secrets
	$(SWIFT) test $(DEBUG) --skip-build --skip EndToEndTests 2>&1 | tee .build/test-output
	$(SWIFT) test $(DEBUG) --skip-build --filter EndToEndTests 2>&1 | tee -a .build/test-output
	.ci/contract .build/debug 2>&1 | tee -a .build/test-output
	@.ci/no-secrets .build/test-output .build/test-secrets

lint:
	$(SWIFT) format lint --strict --configuration .swift-format --recursive $(SOURCES)

format:
	$(SWIFT) format format --in-place --configuration .swift-format --recursive $(SOURCES)

check: lint test release
	@! grep -n '\.package(' Package.swift || { echo "Package.swift names a package"; exit 1; }
	.ci/linkage .build-release/release/kick-gateway
	.ci/smoke .build-release/release/kick-gateway

bench: deps release
	.build-release/release/kick-bench $(ARGS)

# One scenario with ARGS="kill-matrix --times 2" and the like, all of them without. INTO=docs/reliability.md puts the
# results there.
SCENARIOS := kill-matrix replicas herd rotate-keys outage ledger duplicates database-stop reconcile
chaos: deps release
	@if [ -n "$(ARGS)" ]; then exec .build-release/release/kick-chaos $(ARGS); fi; failed=0; \
	for s in $(SCENARIOS); do \
	  .build-release/release/kick-chaos $$s $(if $(INTO),--into $(INTO)) || failed=1; echo; done; exit $$failed

clean:
	rm -rf .build .build-*
