# make help

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --quiet

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
FOUND := $(shell for name in $(PYTHON) python3.13 python3.12 python3.11 python3.14 python3 python; do \
	if command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then command -v $$name; break; fi; done)
CHROMIUM := $(shell for name in "$$NOTICE_INTAKE_TEST_CHROMIUM" chromium chromium-browser google-chrome; do \
	if [ -n "$$name" ] && command -v "$$name" >/dev/null 2>&1; then command -v "$$name"; break; fi; done)

.PHONY: help demo test lint bench faults schemas
.DEFAULT_GOAL := help

help: ## print this list
	@echo "make demo            the example platform, its worker and five agencies on loopback; stays up until Ctrl-C"
	@echo "make demo ONCE=1     the same without a terminal: plays the whole action day and checks that nothing is lost"
	@echo "make demo ONCE=1 KILL=1   and kills the web processes and the worker in the middle of it"
	@echo "make test            the tests (ARGS='-k name' chooses; browser tests where a Chromium is found)"
	@echo "make lint            ruff, mypy and the import contracts"
	@echo "make bench           side-by-side figures: ratios within one run"
	@echo "make faults          kills, stalls and fills up everything on both databases, and checks what must hold"
	@echo "make schemas         write the published contract into schemas/ again"
	@echo ""
	@echo "Needs Python 3.11 or newer, pip and make. Everything is installed into $(VENV)/."

demo: $(VENV)/.demo ## the example platform with five agencies
	@$(PY) -m examples.flask_app.demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(KILL)),--kill) $(ARGS)

test: $(VENV)/.test ## the tests
	@$(PY) -m pytest -n 2 $(ARGS)

lint: $(VENV)/.lint ## ruff, mypy, import contracts
	@echo "ruff check";        $(VENV)/bin/ruff check notice_intake tests examples
	@echo "ruff format";       $(VENV)/bin/ruff format --check --quiet notice_intake tests examples
	@echo "mypy --strict";     $(VENV)/bin/mypy
	@echo "import contracts";  $(VENV)/bin/lint-imports

bench: $(VENV)/.bench ## side-by-side ratios
	@$(PY) -m tests.bench $(ARGS)

faults: $(VENV)/.test ## injected faults, and what must hold after them
	@$(PY) -m tests.faults $(ARGS)

schemas: $(VENV)/.demo ## rewrite schemas/
	@echo "Writing schemas/ from the definitions in notice_intake/contract and notice_intake/regimes."
	@$(PY) -m notice_intake.regimes.publish
	@$(PY) -m tests.contract.vectors

# A stamp for each set of requirements, so that a second run installs nothing.
$(VENV)/.demo: $(VENV)/.made pyproject.toml
	@echo "Installing notice_intake and what the demo needs. This takes about a minute, once."
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@echo "Installing what the tests need. This takes a minute or two, once."
	@$(PIP) -e '.[test]'
	@if [ -n "$(CHROMIUM)" ]; then echo "Found $(CHROMIUM): installing the browser tests' driver too."; \
		$(PIP) -e '.[browser]'; else echo "No Chromium found: browser tests will be skipped."; fi
	@touch $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml
	@echo "Installing what the benchmarks need, peers included. This takes about a minute, once."
	@$(PIP) -e '.[bench]'
	@touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml
	@echo "Installing the checkers, once."
	@$(PIP) -e '.[dev,test]'
	@touch $@

# Debian's Python has no venv without its package; virtualenv makes one all the same.
$(VENV)/.made:
	@if [ -z "$(FOUND)" ]; then \
		echo "No Python 3.11 or newer was found (looked for python3.11 to python3.14, python3 and python)."; \
		echo "Install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12"; exit 1; fi
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then echo "Making $(VENV) with $(FOUND)."; fi
	@if ! $(PY) -m pip --version >/dev/null 2>&1 && ! $(FOUND) -m venv $(VENV) >/dev/null 2>&1; then \
		rm -rf $(VENV); \
		echo "This Python has no venv module: fetching virtualenv into .boot/ instead."; \
		$(FOUND) -m pip install --quiet --disable-pip-version-check --target .boot virtualenv || \
		{ echo "It has no pip either. Install the packages python3-venv and python3-pip (or their like) and try again."; exit 1; }; \
		PYTHONPATH=.boot $(FOUND) -m virtualenv --quiet $(VENV) || exit 1; fi
	@touch $@
