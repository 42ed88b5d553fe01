# Everything from a fresh clone, with nothing but Python 3.11 or newer (and its venv), git and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PYTHON_VERSIONS := python3.13 python3.12 python3.11 python3
PYTEST_ARGS ?=

# Every file that pip takes must be named in the lock by its hash, and none is built here: a bare machine has no compiler.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
INSTALL_LOCKED := $(INSTALL) --require-hashes --only-binary :all:
INSTALL_SELF := $(INSTALL) --no-deps --no-build-isolation --editable .

# A stamp is newer than the lock that it was installed from. An environment whose Python is gone has no valid stamp.
RUN_STAMP := $(VENV)/.run-installed
DEV_STAMP := $(VENV)/.dev-installed
VENV_GONE := $(if $(shell $(BIN)/python -c 'import pip; print(1)' 2>/dev/null),,venv-gone)

LOCK := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group build

.PHONY: help run env dev-env browser check test bench mutate lock demo-reset venv-gone

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: env ## start Ringklar: environment, database, demo data, server, jobs; prints the address and the logins
	@exec $(BIN)/ringklar demo

env: $(RUN_STAMP) ## build the environment alone, in .venv, from requirements.lock

check: dev-env ## the fast gates: format, lint, types, package boundaries, security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml .

test: check browser ## everything that CI runs: the gates, then every test, on real databases and in a real browser
	$(BIN)/python -m pytest -n logical --dist worksteal $(PYTEST_ARGS)

bench: dev-env ## measure; prints a table, and writes JSON to the file named by BENCH_JSON; SECTIONS="checks sizes" for some
	@for tool in wrk sqlite3; do \
		command -v $$tool >/dev/null || apt-get install -y --no-install-recommends $$tool >/dev/null 2>&1 \
			|| sudo -n apt-get install -y --no-install-recommends $$tool >/dev/null 2>&1 \
			|| { echo "make bench needs $$tool: apt install $$tool" >&2; exit 1; }; \
	done
	$(BIN)/python -m bench $(SECTIONS)

mutate: dev-env ## change the rules of the decision one by one, and see that the tests notice each
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

lock: dev-env ## renew both lock files from pyproject.toml; UPGRADE=--upgrade takes newer versions
	$(LOCK) $(UPGRADE) --output-file requirements.lock
	$(LOCK) $(UPGRADE) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@! grep -nE '://|^ *(-i|-f|--(extra-)?index-url|--find-links)' requirements.lock requirements-dev.lock \
		|| { echo 'A lock file names an address: it must work from any registry.' >&2; exit 1; }

demo-reset: ## forget the demo: remove the database and files under var/
	rm -rf var

dev-env: $(DEV_STAMP)

browser: dev-env
	$(BIN)/python -m tests.browsers --install

$(BIN)/python: $(VENV_GONE)
	@$(BIN)/python -c 'import pip' 2>/dev/null && exit 0; \
	for python in $(PYTHON_VERSIONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			recent="$$python"; \
			"$$python" -c 'import ensurepip, venv' 2>/dev/null && exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	if [ -n "$$recent" ]; then \
		echo "$$recent has no venv module. Install it: apt install python3-venv" >&2; \
	else \
		echo 'Ringklar needs Python 3.11 or newer, and found none. Install it: apt install python3 python3-venv' >&2; \
	fi; \
	exit 1

$(RUN_STAMP): requirements.lock pyproject.toml $(VENV_GONE) | $(BIN)/python
	$(INSTALL_LOCKED) --requirement requirements.lock
	$(INSTALL_SELF)
	@touch $@

# The second lock holds the first one's packages too, at the same versions: one installation serves both.
$(DEV_STAMP): requirements.lock requirements-dev.lock pyproject.toml $(VENV_GONE) | $(BIN)/python
	$(INSTALL_LOCKED) --requirement requirements-dev.lock
	$(INSTALL_SELF)
	@touch $(RUN_STAMP) $@
