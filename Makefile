# Every target does its own set-up: a bare machine needs python3 (3.11 or newer), pip and make, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install wan demo serve gallery test test-rest test-all coverage clients soak fuzz check openapi bench studio-pictures clean

install: .venv/installed

# The real models: PyTorch and what comes with it, some gigabytes where there is a GPU.
wan: .venv/installed-wan

demo: .venv/installed
	$(BIN)/python scripts/demo.py

# Forty prompts as the preview engine draws them: build/gallery/index.html.
gallery: .venv/installed
	$(BIN)/python scripts/gallery.py

serve: .venv/installed
	$(BIN)/wanserve serve

# With COVERAGE=1 the lines that the tests run are counted, as `make test-all` does.
# One more process than there are processors, because many tests wait for servers.
PYTEST = $(BIN)/$(if $(COVERAGE),coverage run,python) -m pytest --numprocesses $(shell echo $$(($$(nproc) + 1))) --maxprocesses 4 --dist loadfile --durations 12

# What a newcomer runs: some minutes, with neither PyTorch nor a vendor's client.
test: .venv/installed-$(if $(COVERAGE),dev,test)
	$(PYTEST) -m "not thorough"

# What `make test` leaves out: tests/conftest.py says what, and why.
test-rest: .venv/installed-dev clients
	$(PYTEST) -m thorough

# Everything, and the share of the lines that it ran. The same two runs are in .ci/run.
test-all: .venv/installed-dev clients
	$(BIN)/coverage erase
	$(MAKE) test COVERAGE=1
	$(MAKE) test-rest COVERAGE=1
	$(MAKE) coverage

# The floors: every line of the domain and of the use cases, and the share of the rest that pyproject.toml sets.
coverage:
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include 'src/wanserve/domain/*,src/wanserve/tasks.py' --fail-under 100
	$(BIN)/coverage report

# The vendors' own clients, for tests/clients: each in the versions that it needs, apart from the server's.
NODE_CLIENTS := tests/clients/node/node_modules/.package-lock.json
clients: $(patsubst %,.venv-clients/%/installed,dashscope openai2 openai3 node) $(NODE_CLIENTS)

# Kills a server and its child again and again while it makes videos: `make soak N=200 SEED=7`; without a seed one is drawn and told.
# With FLEET=1 there are two servers and three workers on one PostgreSQL and one bucket, and every kind of process is killed.
soak: .venv/installed-$(if $(FLEET),dev,test)
	$(BIN)/python -m tests.soak --tasks $(or $(N),200) $(if $(SEED),--seed $(SEED)) $(if $(FLEET),--fleet)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Anything at all into every endpoint and every parser, for so many seconds: `make fuzz SECONDS=600 SEED=7`; without a seed one is drawn and told.
SECONDS ?= 600

fuzz: .venv/installed-dev
	FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest --capture=no --timeout=$$(($(SECONDS) * 2 + 300)) tests/fuzz

# After a change of what the OpenAPI document tells.
openapi: .venv/installed
	$(BIN)/python scripts/write_openapi.py

bench: .venv/installed-dev
	$(BIN)/python -m bench

# After a change of what the studio looks like: docs/img/studio*.png. Needs Chromium, and fonts for Chinese.
studio-pictures: .venv/installed-dev
	$(BIN)/python scripts/studio_pictures.py

clean:
	rm -rf .venv .venv-clients tests/clients/node/node_modules build dist src/*.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
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

# In one go with the base, as pip takes some seconds each time.
.venv/installed-test: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --no-compile --editable '.[test]'
	touch .venv/installed $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev,wan]'
	touch .venv/installed .venv/installed-test .venv/installed-wan $@

.venv-clients/%/installed: tests/clients/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-compile --requirement $<
	touch $@

# By the machine's own npm where it has one, as that may be set up for a proxy or a mirror; else by the one that came with our Node.
$(NODE_CLIENTS): .venv-clients/node/installed $(addprefix tests/clients/node/,package.json package-lock.json .npmrc)
	cd tests/clients/node && PATH="$$PATH:$(CURDIR)/.venv-clients/node/bin" npm ci --silent
	touch $@
