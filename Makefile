# Everything runs in .venv, which `make install` prepares from constraints.txt; no target needs anything but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast hunt check format install bench clean

demo: install
	$(BIN)/fsdb demo

test: install
	$(BIN)/python -m pytest

test-fast: install
	$(BIN)/python -m pytest -m "not slow"

# Property tests on examples that no run has seen, again and again until one fails or Ctrl-C.
hunt: install
	while FSDB_HUNT=1 $(BIN)/python -m pytest -q -m property; do :; done

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

bench: install
	$(BIN)/python -m bench write
	$(BIN)/python -m bench vector
	$(BIN)/python -m bench score

clean:
	rm -rf .venv
