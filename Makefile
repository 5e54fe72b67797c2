# Each target makes and reuses .venv; PYTHON chooses the interpreter that makes it,
# PYTHONS those that `make platforms` tries.
PYTHON ?= python3
PYTHONS ?= 3.10 3.11 3.12 3.13 3.14
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install

.PHONY: demo test lint format docs dist platforms fuzz faults mutants lock audit bench bench-quick clean

demo: .venv/all
	$(BIN)/autonn demo

# Two workers with a thread each: with more, OpenBLAS's threads wait for each other.
test: .venv/dev
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/dev
	$(BIN)/python -W error -W "ignore:Error parsing type annotation:UserWarning" -m pdoc -d numpy -o site autonn viz

# The wheel and the sdist in dist/, the same bit for bit each time, and tested as a user has them.
dist: .venv/dev
	$(BIN)/python scripts/release.py

# The wheel on each Python, with the oldest and with the newest of all it depends on.
platforms: .venv/dev
	$(BIN)/python scripts/release.py --python $(PYTHONS) --resolution lowest-direct highest

# What takes minutes: random graphs and files, kills while checkpoints are written, mistakes planted.
fuzz: .venv/dev
	$(BIN)/python scripts/fuzz.py --graphs 20000 --layers 2000
	$(BIN)/python scripts/hostile_files.py

faults: .venv/dev
	$(BIN)/python scripts/kill_checkpoints.py --times 200
	AUTONN_FAULTS=full $(BIN)/python -m pytest tests/test_faults.py

mutants: .venv/dev
	$(BIN)/python scripts/mutation_score.py
	$(BIN)/python scripts/mutants.py

# The newest versions of what `make test`, `lint`, `docs` and `dist` use, for all Pythons, with hashes.
lock: .venv/dev
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --extra test --extra lint --extra docs --extra dist \
	    --output-file requirements-dev.txt pyproject.toml

# Known vulnerabilities of what is locked; needs the network.
audit: .venv/dev
	$(BIN)/uv tool run pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.txt

bench: .venv/bench
	$(BIN)/python -m benchmarks

bench-quick: .venv/bench
	$(BIN)/python -m benchmarks --quick

clean:
	rm -rf .venv build dist site *.egg-info

.venv/created:
	$(PYTHON) -m venv .venv
	touch $@

# What develops is locked, and checked by its hash.
.venv/dev: requirements-dev.txt pyproject.toml | .venv/created
	$(PIP) --require-hashes --requirement requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# An extra as a user gets it, made anew when the project's metadata change.
.venv/%: pyproject.toml | .venv/created
	$(PIP) --editable '.[$*]'
	touch $@
