# Each target makes and reuses .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format docs bench bench-quick clean

demo: .venv/all
	$(BIN)/autonn demo

# Two workers with a thread each: with more, OpenBLAS's threads wait for each other.
test: .venv/test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/docs
	$(BIN)/python -W error -W "ignore:Error parsing type annotation:UserWarning" -m pdoc -d numpy -o site autonn viz

bench: .venv/bench
	$(BIN)/python -m benchmarks

bench-quick: .venv/bench
	$(BIN)/python -m benchmarks --quick

clean:
	rm -rf .venv build dist *.egg-info

.venv/created:
	$(PYTHON) -m venv .venv
	touch $@

# One stamp for each extra, made anew when the project's metadata change.
.venv/%: pyproject.toml | .venv/created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
