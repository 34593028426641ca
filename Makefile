# make demo   a fresh machine to search results: light core only
# make test   the whole test suite, with the extras it needs
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
export HF_HUB_OFFLINE ?= 1

.PHONY: demo test lint docs proofs bench clean

demo: $(VENV)/core
	$(BIN)/codomain demo --into .demo

# one thread a worker: two workers whose products wait for each other's threads take thirty times as long
test: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/test
	$(BIN)/python docs/generate.py

# quick proofs first; what needs data or minutes says so and is skipped where it cannot run
proofs: $(VENV)/test
	for proof in $(filter-out proofs/lib/%,$(wildcard proofs/*/*.py)); do echo "== $$proof"; $(BIN)/python $$proof || exit 1; done

bench: $(VENV)/bench
	for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "codomain needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/core: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/test: $(VENV)/core
	$(PIP) --editable '.[learn,measure,engines,files,parquet,test]'
	touch $@

$(VENV)/bench: $(VENV)/test
	$(PIP) --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) .demo
