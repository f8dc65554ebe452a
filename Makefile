# `make run` opens the app, `make test` runs the tests, `make coverage` shows which lines they miss, `make bench` measures
# speed, `make docs` builds the documentation site into site/; each sets up .venv/ first (docs: .venv-docs/), with uv
# where it is, else with pip.
PYTHON ?= python3
IMAGES ?=
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),"$(UV)" pip install -q --python $(BIN)/python,$(BIN)/python -m pip install -q --disable-pip-version-check)
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

run: .venv/run.done
	$(BIN)/python app.py $(if $(IMAGES),serve "$(IMAGES)")

test: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

coverage: .venv/test.done
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

bench: .venv/run.done
	$(BIN)/python -m benchmarks

# Known vulnerabilities of what the container installs; in an environment of its own, which is thrown away.
audit:
	@folder=$$(mktemp -d) && $(PYTHON) -m venv "$$folder" && "$$folder/bin/pip" install -q pip-audit \
	&& "$$folder/bin/pip-audit" --require-hashes --disable-pip -r requirements.lock; \
	status=$$?; rm -rf "$$folder"; exit $$status

# After a change of requirements.txt.
lock:
	@folder=$$(mktemp -d) && $(PYTHON) -m venv "$$folder" && "$$folder/bin/pip" install -q uv \
	&& "$$folder/bin/uv" pip compile -q requirements.txt --generate-hashes --universal --python-version 3.12 \
	--custom-compile-command "make lock" -o requirements.lock; status=$$?; rm -rf "$$folder"; exit $$status

$(BIN)/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { echo 'Semblance needs Python 3.10 to 3.13; name one: make run PYTHON=python3.12' >&2; exit 1; }
	$(if $(UV),"$(UV)" venv -q --python $(PYTHON) .venv,$(PYTHON) -m venv .venv)

.venv/run.done: requirements.txt | $(BIN)/python
	$(INSTALL) -r requirements.txt
	@touch $@

.venv/test.done: requirements.txt requirements-dev.txt | $(BIN)/python
	$(INSTALL) -r requirements-dev.txt
	@touch $@ .venv/run.done

docs: .venv-docs/done
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

.venv-docs/bin/python:
	$(if $(UV),"$(UV)" venv -q --python $(PYTHON) .venv-docs,$(PYTHON) -m venv .venv-docs)

.venv-docs/done: requirements-docs.txt | .venv-docs/bin/python
	$(subst $(BIN),.venv-docs/bin,$(INSTALL)) -r requirements-docs.txt
	@touch $@

.PHONY: run test coverage bench docs audit lock
