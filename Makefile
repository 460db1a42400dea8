# Everything runs in .venv, which `make install` prepares from constraints.txt; Python 3.11+ and make are all that is needed (test-onnx and test-pgbouncer: Debian).
PYTHON ?= python3
BIN := .venv/bin
# Files of tests on every core, each process with a server of its own.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-fast test-onnx test-pgbouncer test-image test-exports test-package docs manual server-onnx hunt check format install bench bench-onnx bench-small clean

# The demo alone is a third of what the tests need, and stands in an environment of its own.
demo: .venv-demo/installed
	.venv-demo/bin/fsdb demo

# What needs Debian's server is in test-onnx, what needs PyTorch in test-exports.
test: install
	$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/server_onnx --ignore=tests/exports --ignore=tests/pgbouncer --ignore=tests/package --ignore=tests/site

test-fast: install
	$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/server_onnx --ignore=tests/exports --ignore=tests/pgbouncer --ignore=tests/site -m "not slow"

# The runtime onnx on Debian's PostgreSQL 15 with PL/Python, which the tests start and stop.
test-onnx: server-onnx
	$(BIN)/python -m pytest $(PARALLEL) tests/server_onnx

# Through PgBouncer in transaction mode: Debian's, and a newer one where that can be built.
test-pgbouncer: install .server/pgbouncer/installed
	$(BIN)/python -m pytest tests/pgbouncer

.server/pgbouncer/installed: .ci/pgbouncer
	.ci/pgbouncer .server/pgbouncer
	@touch $@

# The images of docker-compose.yml: built, started in a project of their own, and the runtime onnx tested there.
COMPOSE ?= docker compose
IMAGE_PORT ?= 54318

test-image: export FSDB_PORT = $(IMAGE_PORT)
test-image: export COMPOSE_PROJECT_NAME = fsdb_test_image
test-image: install
	$(COMPOSE) build
	for try in $$(seq 30); do $(COMPOSE) run --rm migrate && break; sleep 1; done; \
		FSDB_ONNX_SERVER=postgresql://postgres:$${FSDB_PASSWORD:-fsdb}@127.0.0.1:$(IMAGE_PORT)/fsdb $(BIN)/python -m pytest tests/server_onnx; \
		status=$$?; $(COMPOSE) down --volumes; exit $$status

# Models that PyTorch, Keras and CatBoost export, against these libraries themselves.
test-exports: install .venv/exports
	$(BIN)/python -m pytest $(PARALLEL) tests/exports

# What an installed fsdb is to programs outside.
test-package: install
	$(BIN)/python -m pytest tests/package

# The wheel in clean environments, on each Python of PYTHONS that is here; one that is not is an error.
PYTHONS ?= 3.11 3.12 3.13

test-wheels: install
	$(BIN)/python -m tests.package.wheels $(PYTHONS)

# The documentation as a site, in site/; no warning, no dead link, nothing from another host.
docs: install .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python -m pytest tests/site

# The pages that are made from the program, written anew.
manual: install
	$(BIN)/python -m manual

server-onnx: install .server/installed

.server/installed: constraints.txt .ci/server-onnx
	.ci/server-onnx .server/site-packages
	@touch $@

# Property tests on examples that no run has seen, again and again until one fails or Ctrl-C.
hunt: install
	while FSDB_HUNT=1 $(BIN)/python -m pytest -q -m property --ignore=tests/exports --ignore=tests/pgbouncer --ignore=tests/site; do :; done

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

.venv-demo/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	@touch $@

.venv/exports: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,exports]'
	@touch $@

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	@touch $@

# Each prints its figures beside a baseline of the same run; together about half an hour.
bench: install
	$(BIN)/python -m bench write
	$(BIN)/python -m bench vector
	for model in gbdt100x6 gbdt300x6 gbdt500x8 rf200x10 logreg mlp64; do $(BIN)/python -m bench score --model $$model; done
	$(BIN)/python -m bench score --bulk
	$(BIN)/python -m bench endpoint
	$(BIN)/python -m bench deploy
	$(BIN)/python -m bench worker
	$(BIN)/python -m bench sync
	$(BIN)/python -m bench pit --versions 20e6 --spine 1e6
	$(BIN)/python -m bench pit --hot
	$(BIN)/python -m bench pit --keys
	$(BIN)/python -m bench router
	$(BIN)/python -m bench wide
	$(BIN)/python -m bench spark
	$(BIN)/python -m bench scale --versions 1e7
	$(BIN)/python -m bench install

# The runtime onnx on the server of test-onnx.
bench-onnx: server-onnx
	for model in gbdt100x6 gbdt300x6 gbdt500x8 rf200x10 logreg mlp64; do \
		$(BIN)/python -m tests.server_onnx.server $(BIN)/python -m bench score --model $$model --runtime onnx; done

# What of the benchmarks runs with every change: small, to show that they run.
bench-small: install
	$(BIN)/python -m bench scale --versions 1e6 --spine 1e5
	$(BIN)/python -m bench pit --versions 2e5 --spine 2e4
	$(BIN)/python -m bench score --bulk

clean:
	rm -rf .venv .venv-demo .server
