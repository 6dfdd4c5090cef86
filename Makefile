# Every target does its own set-up: a bare machine needs python3 (3.11 or newer), pip and make, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install wan demo serve test soak fuzz check openapi bench clean

install: .venv/installed

# The real models: PyTorch and what comes with it, some gigabytes where there is a GPU.
wan: .venv/installed-wan

demo: .venv/installed
	$(BIN)/python scripts/demo.py

serve: .venv/installed
	$(BIN)/wanserve serve

test: .venv/installed-dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --durations 12
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Kills a server and its child again and again while it makes videos: `make soak N=200 SEED=7`.
soak: .venv/installed
	$(BIN)/python -m tests.soak --tasks $(or $(N),200) --seed $(or $(SEED),7)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Anything at all into every door and every parser, for so many seconds.
SECONDS ?= 600

fuzz: .venv/installed-dev
	FUZZ_SECONDS=$(SECONDS) $(BIN)/python -m pytest --capture=no --timeout=$$(($(SECONDS) * 2 + 300)) tests/fuzz

# After a change of what the OpenAPI document tells.
openapi: .venv/installed
	$(BIN)/python scripts/write_openapi.py

bench: .venv/installed-dev
	$(BIN)/python -m bench

clean:
	rm -rf .venv build dist src/*.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -f kitten.mp4
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

.venv/installed-wan: .venv/installed
	$(PIP) --editable '.[wan]'
	touch $@

.venv/installed-dev: .venv/installed-wan
	$(PIP) --editable '.[dev,wan]'
	touch $@
