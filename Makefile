# Everything a developer or a visitor does. `make` alone prints this help.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers

.PHONY: help install demo test test-all check docs peers bench lock clean

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make .venv and install everything into it, exactly as locked

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Lingque needs Python 3.11 or newer: make install PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import lightgbm' 2>/dev/null \
		|| { echo "LightGBM needs the system library libgomp: on Debian and Ubuntu, apt-get install libgomp1"; exit 1; }
	@touch $@

demo: install ## Run the whole way on a generated bank (a fresh one each time, in demo-bank/)
	@rm -rf demo-bank
	$(BIN)/lingque demo demo-bank

test: install ## Run the tests
	$(BIN)/python -m pytest

test-all: install ## Run the tests, the slow ones too
	$(BIN)/python -m pytest -m "slow or not slow"

check: install ## Lint, types, import rules, documentation in step with the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.reference --check

docs: install ## Write the generated reference pages anew
	$(BIN)/python -m tools.reference

peers: $(PEERS) ## Install what the benchmarks compare with, exactly as locked

$(PEERS): requirements-bench.lock $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-bench.lock
	@touch $@

bench: peers ## Run the benchmarks at their default sizes
	@for file in benchmarks/[a-z]*.py; do $(BIN)/python -m benchmarks.$$(basename $$file .py); done

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --output-file requirements.lock
	uv pip compile --quiet pyproject.toml --extra dev --extra bench --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --constraint requirements.lock --output-file requirements-bench.lock

clean: ## Remove what can be made again
	rm -rf $(VENV) demo-bank build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
