# okapi-install: `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

# make run DEMO_ARGS=--exit
DEMO_ARGS ?=
# Tests run in three processes, each with its own servers, ports and folders: see tests/conftest.py. A single file is faster
# without them: make test PYTEST_ARGS=tests/unit/test_config.py
PYTEST_ARGS ?= -n 3 --dist loadgroup
BENCH_ARGS ?=
SOAK_ARGS ?=
LOAD_ARGS ?=
MUTANTS_ARGS ?=

CHECKED := okapi_install worker tests scripts

.PHONY: help
help: ## List the targets
	@echo "okapi-install"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.installed ## Set up .venv and run the demo (DEMO_ARGS=--exit ends by itself)
	@exec $(BIN)/okapi-install demo $(DEMO_ARGS)

.PHONY: test
test: check ## Set up, then all checks and all tests (PYTEST_ARGS=... for some)
	@exec $(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: check
check: $(VENV)/.installed-dev ## Format, lint, types, imports, shape
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict $(CHECKED)
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/shape.py $(CHECKED)

.PHONY: audit
audit: $(VENV)/.installed-dev ## Look up known vulnerabilities of the installed packages (pip-audit)
	@exec $(BIN)/python -m scripts.audit

.PHONY: format
format: $(VENV)/.installed-dev ## Format the code, and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.installed-dev ## Measure throughput with PostgreSQL, Redis and two workers (BENCH_ARGS=...)
	@exec $(BIN)/python -m scripts.bench $(BENCH_ARGS)

.PHONY: soak
soak: $(VENV)/.installed-dev ## Run jobs for ten minutes, and check that memory and connections stay flat (SOAK_ARGS=...)
	@exec $(BIN)/python -m scripts.soak $(SOAK_ARGS)

.PHONY: load
load: $(VENV)/.installed-dev ## Run 500 tenants, and hold 64 connections for a minute (LOAD_ARGS=...)
	@exec $(BIN)/python -m scripts.load $(LOAD_ARGS)

.PHONY: mutants
mutants: $(VENV)/.installed-mutants ## Change domain and worker in small places, and count what no test notices (MUTANTS_ARGS=FILE ...)
	@exec $(BIN)/python -m scripts.mutants $(MUTANTS_ARGS)

.PHONY: clean
clean: ## Remove .venv, caches, and files of builds and tests (not the data folder)
	rm -rf $(VENV) .cache .pytest_cache .hypothesis .ruff_cache mutants build dist *.egg-info tests/.screenshots
	find okapi_install worker tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp that is older than setup.cfg makes `make` install the packages again.
$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "installing okapi-install into $(VENV) ..."
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "installing okapi-install and its tools into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-mutants: setup.cfg pyproject.toml | $(VENV)/.installed-dev
	@echo "installing mutmut into $(VENV) ..."
	@$(PIP) install --editable '.[dev,mutants]'
	@touch $(VENV)/.installed $(VENV)/.installed-dev $@

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "okapi-install needs Python 3.11 or newer, and $(PYTHON) was not found" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "okapi-install needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
