# What a developer types. Needs GNU make and Python 3.11 or later, nothing else.
#   make demo     watch a batch live its life on a service of its own; ONCE=1 stops afterwards
#   make test     the tests, on the embedded PostgreSQL and in Chromium; ARGS go to pytest
#   make test-debian   the tests on Debian's PostgreSQL 15, which is installed where that can be done
#   make test-real   with other programs, each where it can be had: Chromium, Node, Cassandra, Kafka, Patroni, promtool, nginx, Caddy, helm; the wheel; then what is marked real
#   make test-fresh   the demo on a fresh Debian, as three users, twice each and after kill -9 (root, debootstrap, a network)
#   make check    all that must be right before a change lands: format, lint, types, imports, dead code, tests
#   make run      the service on http://127.0.0.1:8000, with its data in .lernbatch
#   make bench    what users feel, and what must be reached; ROUNDS, ENROLMENTS, MINUTES, or ARGS=NAME for another measurement
#   make coverage-of-contract   which test holds which case of the contract: docs/contract-coverage.md
#   make fuzz     calls of every kind, made up at random, against the API; EXAMPLES a call
#   make advisories  the locks against a stored list of known weaknesses, without a network
#   make sbom     the bill of materials (CycloneDX) of what is installed to run, in build
#   make texts    the console's texts in English, and every catalogue with them
#   make pictures  the pictures of docs/console.md, anew from the pages as they are (needs Chromium)
#   make docs     the documentation site, from docs/, in build/docs; fails on a link that leads nowhere
#   make setup    the virtual environment alone; every target above makes it when it is missing or old
#   make format   format the code
#   make previous RELEASE=v0.3.0   keep the code of a release, which upgrades are tested from
#   make lock     resolve requirements*.in again (needs uv)

VENV ?= .venv
BIN := $(VENV)/bin
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for it in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$it -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$it && break; done)
endif
# Bytecode is made where it is first needed, so that nothing waits for modules that nobody imports; and made once, not
# with every command, also where the environment says otherwise.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq --no-compile
UV ?= uv
LOCK := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate

.PHONY: help setup demo run test test-debian test-real test-fresh check format lint types imports dead advisories sbom bench fuzz docs \
	pictures texts coverage-of-contract lock previous clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

setup: $(VENV)/.ready

# The stamps are as new as the lock they come from, so an unchanged lock costs nothing.
$(VENV)/.ready: requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
		"Lernbatch needs Python 3.11 or later: install it, or name it, as in 'make $(MAKECMDGOALS) PYTHON=/opt/bin/python3.12'." >&2; exit 1; }
	@"$(BIN)/python" -m pip --version >/dev/null 2>&1 || { echo "Making the virtual environment $(VENV) …"; \
		"$(PYTHON)" -m venv --clear "$(VENV)"; }
	@echo "Installing what requirements.lock names …"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-to-check: $(VENV)/.ready requirements-dev.lock
	@echo "Installing what requirements-dev.lock names …"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.ready-for-docs: $(VENV)/.ready requirements-docs.lock
	@echo "Installing what requirements-docs.lock names …"
	@$(PIP) --require-hashes -r requirements-docs.lock
	@touch $@

demo: $(VENV)/.ready
	@$(BIN)/lernbatch demo $(if $(ONCE),--once)

run: $(VENV)/.ready
	@$(BIN)/lernbatch serve

test: $(VENV)/.ready-to-check
	@tests/chromium.sh
	@env -u LERNBATCH_PG_BIN $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-debian: $(VENV)/.ready-to-check
	@tests/on_debian.sh $(BIN)/python $(ARGS)

test-real: $(VENV)/.ready-to-check
	@tests/real/run.sh $(BIN)/python $(ARGS)

test-fresh:
	@tests/on_fresh_debian.sh $(ARGS)

check: lint types imports dead advisories test test-debian

format: $(VENV)/.ready-to-check
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(VENV)/.ready-to-check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.ready-to-check
	@$(BIN)/mypy

imports: $(VENV)/.ready-to-check
	@$(BIN)/lint-imports --no-logo

dead: $(VENV)/.ready-to-check
	@mkdir -p build && $(BIN)/python -m tests.wire_fields > build/wire_fields.py
	@$(BIN)/vulture lernbatch sandbox postgres_supervisor build/wire_fields.py

advisories: $(VENV)/.ready-to-check
	@$(BIN)/python -m supply.advisories requirements.lock requirements-dev.lock requirements-docs.lock

sbom: $(VENV)/.ready
	@mkdir -p build
	@$(BIN)/python -m supply.sbom requirements.lock > build/lernbatch.cdx.json
	@echo "The bill of materials is in build/lernbatch.cdx.json."

coverage-of-contract: $(VENV)/.ready-to-check
	@$(BIN)/python -m tests.contract_coverage

fuzz: $(VENV)/.ready-to-check
	@EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest tests/project/test_openapi.py

texts: $(VENV)/.ready
	@mkdir -p build
	@cd lernbatch && "$(abspath $(BIN))/pybabel" -q extract -F wording/locale/babel.cfg -k N_ --no-location \
		--sort-output --project Lernbatch -o ../build/console.pot console wording
	@for file in lernbatch/wording/locale/*.po; do [ -f "$$file" ] || continue; \
		$(BIN)/pybabel -q update -i build/console.pot -o "$$file" -l "$$(basename "$$file" .po)" --no-wrap --ignore-pot-creation-date; done
	@echo "The console's texts are in build/console.pot; a new language begins with a copy of it."

pictures: $(VENV)/.ready-to-check
	@mkdir -p docs/pictures/console
	@LERNBATCH_PICTURES="$(CURDIR)/docs/pictures/console" $(BIN)/python -m pytest -q tests/console/pages/test_pictures.py

docs: $(VENV)/.ready-for-docs
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "The site is in build/docs/index.html."

bench: $(VENV)/.ready-to-check
	@$(BIN)/python -m bench $(ARGS) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ENROLMENTS),--enrolments $(ENROLMENTS)) \
		$(if $(MINUTES),--minutes $(MINUTES))

lock:
	$(LOCK) requirements.in -o requirements.lock
	$(LOCK) -c requirements.lock requirements-dev.in -o requirements-dev.lock
	$(LOCK) -c requirements.lock requirements-docs.in -o requirements-docs.lock

previous:
	git archive $(or $(RELEASE),$(error Name the release: make previous RELEASE=v0.3.0)) -- lernbatch sandbox postgres_supervisor ':!lernbatch/drawing/fonts' \
		| xz -9 > tests/upgrade/previous.tar.xz

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
