# Every target sets up what it needs; a machine with Python 3.11 and make is enough to begin.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SECONDS ?= 60
# Tests start some hundred programs; without compiled files beside the sources each of them compiles all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check interop bench soak fuzz clean released requirements help

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: $(STAMP)  ## set up, then play a supplier's day on embedded defaults and stay up (Ctrl-C ends it)
	$(BIN)/gateway demo

test: $(STAMP)  ## set up, install and start what the tests need (RabbitMQ, PostgreSQL, OpenSSH, Chromium), run every test, on all cores
	$(BIN)/python -m tests.services all --install-only
	@# Hundreds of gateways are started: where Python is kept from writing byte code, each would compile every file anew.
	$(BIN)/python -m compileall -q gateway translators partners certs tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(STAMP)  ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

interop: $(STAMP)  ## play AS2 with OpenAS2, phase2 and pyas2lib, both ways (brings Java and Maven where it may); then schemathesis
	$(BIN)/python -m tests.interop
	$(BIN)/python -m tests.api.generated_calls --seconds 240 --examples 50

bench: $(STAMP)  ## measure, as ratios to a reference in the same run
	$(BIN)/python -m tests.services all --install-only
	$(BIN)/python -m tests.bench

soak: $(STAMP)  ## the long proof: kills and restarts under load, ten rounds and more
	$(BIN)/python -m tests.services all --install-only
	$(BIN)/python -m pytest -m soak --timeout 3600

fuzz: $(STAMP)  ## let atheris look for bytes that break the X12 engine, AS2 or SFTP, SECONDS for each property
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

released: $(STAMP)  ## keep the partner API of this release, which later ones are compared with
	$(BIN)/python -m tests.api.released

requirements:  ## pin the current dependencies by hash (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	    --no-annotate pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	    --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	    --no-annotate tests/fuzz/requirements.in -o tests/fuzz/requirements.txt

clean:  ## remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache .fuzz .interop
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
