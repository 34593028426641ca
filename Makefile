# make demo   a fresh machine to search results: light core only
# make test   the whole test suite, with the extras it needs
# make lint | docs | dist | proofs | mutants | fuzz | soak | robustness | bench: see CONTRIBUTING.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
export HF_HUB_OFFLINE ?= 1
export NO_MKDOCS_2_WARNING ?= 1

.PHONY: demo test lint docs dist proofs mutants fuzz soak robustness bench clean

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
	$(BIN)/mkdocs build --strict --quiet

# the generated pages, then the site into site/ (search needs a server: .venv/bin/mkdocs serve)
docs: $(VENV)/test
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

# wheel and sdist into dist/; the wheel alone, in an empty environment, runs the demo and a search
dist: $(VENV)/dist
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/python tests/dist/wheel_alone.py dist/*.whl

# every proof of proofs/register.toml against what is expected of it; what has passed is not run again until something changes
# make proofs FRESH=1   all of them again          make proofs QUICK=1   8 minutes of them, others at every commit
# make proofs ROOM=index   those of a room         make proofs RECORD=1   write what was found to proofs/last_run.toml
proofs: $(VENV)/$(if $(QUICK),test,bench)
	$(BIN)/python proofs/run.py $(ROOM) $(if $(FRESH),--fresh) $(if $(QUICK),--quick 8) $(if $(RECORD),--record)

# make mutants ROOM=rank: 200 small wrong changes of a room's code, each to be noticed by the room's own tests
mutants: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants/run.py $(ROOM)

# faults at system calls of every step, for an hour: kills, torn writes, lost power, I/O errors, full disks
# make soak SECONDS=600
soak: $(VENV)/test
	CODOMAIN_KILLS=60 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/store/test_crash.py tests/store/test_upgrade.py tests/store/test_feedback.py -k kill
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/run.py --seconds $(or $(SECONDS),3600) --seed $$(date +%s) --record; \
	  found=$$?; $(BIN)/python docs/generate.py && exit $$found

# stored files with changed bytes, and files made to take long or much memory: some ten minutes; make soak and make fuzz are the rest
robustness: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.damage.run --cases $(or $(CASES),2100) --jobs 2 --record; damage=$$?; \
	  OMP_NUM_THREADS=1 $(BIN)/python -m tests.pathological.run --jobs 2 --record; files=$$?; \
	  $(BIN)/python docs/generate.py && exit $$((damage || files))

# make fuzz TIME=1800   every reader, parser and format of files under coverage-guided fuzzing, in that many seconds; again goes on
# make fuzz TARGET='filter' CASES=100000   one of them            make fuzz FRESH=1   from the beginning, as after a change
fuzz: $(VENV)/fuzz
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run $(if $(TARGET),'$(TARGET)') $(if $(TIME),--time $(TIME)) \
	  $(if $(CASES),--cases $(CASES)) $(if $(FRESH),--fresh); found=$$?; \
	  $(BIN)/python docs/generate.py && exit $$found

# exit code 3: not run, for want of data
bench: $(VENV)/bench
	for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark || [ $$? = 3 ] || exit 1; done

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "codomain needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/core: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/test: $(VENV)/core
	$(PIP) --editable '.[learn,export,measure,engines,seismic,map,files,serve,mcp,langchain,llama-index,haystack,rerankers,sql,parquet,test,docs]'
	touch $@

$(VENV)/dist: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dist]'
	touch $@

$(VENV)/bench: $(VENV)/test
	$(PIP) --editable '.[bench]'
	touch $@

$(VENV)/fuzz: $(VENV)/test
	$(PIP) --editable '.[fuzz]'
	touch $@

clean:
	rm -rf $(VENV) .demo .fuzz dist site
