# Two commands matter: `make run` and `make test`. Both prepare what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.DEFAULT_GOAL := help
.PHONY: help run install test quick trials check format demo pictures bench requirements commands links constraints wheel clean chromium

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.ready ## start the app on localhost:8501 with the demo bank open
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.address localhost

install: $(VENV)/.ready ## create .venv, install everything, prepare the default engine

test: $(VENV)/.ready $(VENV)/.dev chromium ## run all tests: unit, pages, real weights, real browser
	$(BIN)/python -m pytest

trials: $(VENV)/.ready $(VENV)/.dev ## kill, damage and feed the banks at random: minutes, with counts
	$(BIN)/python -m tests.trials.kills
	$(BIN)/python -m tests.trials.damage
	$(BIN)/python -m tests.trials.inputs

quick: $(VENV)/.dev ## the minute between two edits: pure rooms and drawings, no browser
	$(BIN)/python -m pytest tests/test_walls.py tests/core/retrieval tests/core/evaluation tests/core/analysis tests/core/readers tests/ui

check: $(VENV)/.dev ## format, lint, types, walls of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_walls.py

format: $(VENV)/.dev ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(VENV)/.ready ## encode the demo's texts anew and write what is shipped
	$(BIN)/python -c "from core.demo import build; [print(name, '%d memories, %d bytes' % build(name)) for name in ('minilm', 'smollm2-135m', 'narrative-30')]"

pictures: $(VENV)/.dev chromium ## remake the pictures in docs/
	$(BIN)/python docs/pictures.py

bench: $(VENV)/.ready ## run the benchmarks
	for f in benchmarks/*.py; do $(BIN)/python $$f; done

requirements: $(VENV)/bin/python ## rewrite requirements.txt from pyproject.toml
	$(BIN)/python docs/requirements.py

commands: $(VENV)/.installed ## rewrite docs/commands.md from the commands' help
	$(BIN)/python -m docs.commands

links: $(VENV)/.installed ## rewrite docs/links.md from the fields of the pages
	$(BIN)/python -m docs.links

wheel: $(VENV)/.dev ## build what pip installs, into dist/
	$(BIN)/pip wheel --no-deps --no-build-isolation --disable-pip-version-check -q -w dist .

constraints: $(VENV)/.ready ## rewrite constraints.txt from what is installed
	(head -1 constraints.txt; $(BIN)/pip freeze | sed 's/+cpu//' | grep == | grep -vi '^mnemoscope') > constraints.new && mv constraints.new constraints.txt

clean: ## remove the environment
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=python3.12 make run chooses one)."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --disable-pip-version-check -r requirements.txt
	touch $@

# Reading the SAE once through sae-lens leaves plain arrays in the user's cache: later starts take seconds.
$(VENV)/.ready: $(VENV)/.installed $(wildcard assets/sae/minilm/*)
	$(BIN)/python -m core engines --prepare minilm
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Debian's browser: Playwright's own download is not needed. Where it cannot be installed, the browser tests say so.
chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null; } \
	  || echo "Chromium is not installed: browser tests will be skipped."
