# The front door. `make` lists what it can do; behind it stands uv, pinned and installed into .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := activities benchmarks domain samples starter storage tests worker workflows

# A virtual environment of somebody's shell must not receive our packages.
unexport VIRTUAL_ENV

.PHONY: help setup demo up test check bench bench-web soak samples messages schemas record clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv; leaves the program at .venv/bin/mente

$(STAMP): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --quiet --frozen --all-extras || $(MAKE) --no-print-directory install-with-pip
	@touch $@

# Where the addresses in uv.lock cannot be reached, the same versions come from the index pip is set up for.
.PHONY: install-with-pip
install-with-pip:
	@echo "uv could not install; trying the index pip is set up for, with the same versions and hashes" >&2
	$(BIN)/uv export --quiet --frozen --all-extras --no-emit-project --output-file $(VENV)/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .

demo: setup ## play the stories on the embedded server, with real files, and say where everything is
	$(BIN)/mente demo

up: setup ## run the embedded server, storage and workers until Ctrl-C (same as `mente up`)
	$(BIN)/mente up

test: setup ## run the tests
	$(BIN)/python -m pytest

check: setup ## format, lint, types (strict, tests included) and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

bench: setup ## measure granted lifecycles per second beside a floor in the same run
	$(BIN)/python -m benchmarks.bench

bench-web: setup ## measure the HTTP API on a read model of 200,000 cases
	$(BIN)/python -m benchmarks.web_load

soak: setup ## run the long fault and volume runs
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.retiming
	$(BIN)/python -m benchmarks.notices
	$(BIN)/python -m benchmarks.notice_rate

samples: setup ## write the sample applications and their files to samples/out
	$(BIN)/python -m samples.make samples/out

messages: setup ## write the JSON Schemas of all messages to docs/messages
	$(BIN)/mente messages docs/messages

schemas: setup ## write the JSON Schemas of the policy files to docs/schemas
	$(BIN)/mente policy schema policy > docs/schemas/policy.json
	$(BIN)/mente policy schema catalogue > docs/schemas/catalogue.json

record: setup ## record the replay histories anew: its own commit, see docs/operations.md
	$(BIN)/python -m tests.replay.record

clean: ## remove .venv and every cache; MENTE_HOME (.mente) stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache samples/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
