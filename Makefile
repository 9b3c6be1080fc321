# The one command set. `make` prints it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
export ATLAS_HOME ?= $(CURDIR)/.atlas
T ?=
PYTEST := $(BIN)/pytest $(if $(T),tests/$(T),)
WORKERS := $(shell nproc 2>/dev/null || echo 2)

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "TenantAtlas needs Python 3.11 or newer on the PATH." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## Install everything into .venv; the command is .venv/bin/tenantatlas

.PHONY: demo
demo: setup ## The main job on a simulated tenant, told as a story; exits by itself
	@ATLAS_GRAPH_SHARE=1 ATLAS_TIME_SCALE=20 $(BIN)/tenantatlas demo

.PHONY: run
run: setup ## Open the demo's data in the browser: web and worker at http://127.0.0.1:8000
	@ATLAS_GRAPH_SHARE=1 ATLAS_TIME_SCALE=20 $(BIN)/tenantatlas demo-serve

.PHONY: check
check: setup ## Format, lint, types, import contracts, templates, migrations, generated pages
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache >/tmp/lint-imports.$$$$ || { cat /tmp/lint-imports.$$$$; rm -f /tmp/lint-imports.$$$$; exit 1; }; rm -f /tmp/lint-imports.$$$$
	@$(BIN)/djlint --quiet --lint src/tenantatlas/web/templates
	@DJANGO_SETTINGS_MODULE=tenantatlas.config.settings.test $(BIN)/django-admin makemigrations --check --dry-run >/dev/null
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/tenantatlas docs build --check 2>/dev/null || { $(BIN)/tenantatlas docs build --check; exit 1; }
	@echo "check: clean"

.PHONY: browser
browser: setup # Chromium for the browser tests, from Debian where we may install it
	@$(BIN)/python -m tests.browser

.PHONY: test
test: browser check ## Check and every test: both databases, a real browser. T=runs for one package
	@rm -f .coverage .coverage.*
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m "not deep" --cov --cov-report= --durations=15
	@$(if $(T),true,$(BIN)/python -m tests.coverage_floors)
	ATLAS_TEST_DATABASE=postgresql $(PYTEST) -n $(WORKERS) --dist loadgroup -m "not deep and not browser and not sqlite_only"

.PHONY: test-deep
test-deep: browser ## The long suites: every crash boundary on both databases, deep state machines
	$(PYTEST) -m deep -p no:randomly --hypothesis-profile=deep

.PHONY: test-pythons
test-pythons: ## The suite on each Python 3.11, 3.12, 3.13 found
	@for version in 3.11 3.12 3.13; do \
	  python=$$(for p in python$$version $$HOME/.pyenv/versions/$$version.*/bin/python; do $$p -c 'pass' 2>/dev/null && { echo $$p; break; }; done); \
	  if [ -z "$$python" ]; then echo "== Python $$version: not found, skipped"; continue; fi; \
	  echo "== Python $$version"; \
	  $(MAKE) --no-print-directory VENV=.venv-$$version PYTHON=$$python setup && \
	  .venv-$$version/bin/pytest -n $(WORKERS) --dist loadgroup -m "not deep and not browser" -q || exit 1; \
	done

.PHONY: bench
bench: setup ## The benchmarks, as ratios, with their table
	@$(BIN)/python -m tests.bench

.PHONY: fix
fix: setup ## Format and safe fixes
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: accept
accept: setup ## Regenerate snapshots, query counts and reference pages: then read the diff
	@$(BIN)/tenantatlas docs build
	@$(BIN)/pytest -q --snapshot-update tests/cli tests/web || true

.PHONY: trace
trace: setup ## One click followed to the end, with its log lines
	@$(BIN)/pytest -q -s tests/trace

.PHONY: css
css: setup ## Build the style sheet (needs npm once, for the component kit)
	@cd src/tenantatlas/web/styles && npm install --silent --no-audit --no-fund && $(CURDIR)/$(BIN)/tailwindcss --minify --input atlas.css --output ../static/web/atlas.css

.PHONY: migrations
migrations: setup ## Make migrations
	@DJANGO_SETTINGS_MODULE=tenantatlas.config.settings.test $(BIN)/django-admin makemigrations

.PHONY: lock
lock: setup ## Renew requirements.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev --no-emit-index-url pyproject.toml -o requirements.lock
