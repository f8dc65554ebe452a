# `make run` opens the app, `make test` runs the tests; each sets up .venv/ first, with uv where it is, else pip.
PYTHON ?= python3
IMAGES ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL := $(UV) pip install --quiet --python $(BIN)/python -r
else
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -r
endif

run: $(VENV)/app.done
	$(BIN)/python app.py $(if $(IMAGES),serve "$(IMAGES)")

test: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.done: requirements.txt | $(VENV)/bin/python
	$(INSTALL) requirements.txt
	@touch $@

$(VENV)/dev.done: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(INSTALL) requirements-dev.txt
	@touch $@ $(VENV)/app.done

clean:
	rm -rf $(VENV)

.PHONY: run test clean
