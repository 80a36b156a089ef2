# Two commands on a fresh machine: `make demo` and `make test`. Python 3.11 or 3.12 is all they assume.
# pip runs with your own settings (index, find-links); a second call reuses .venv.

SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c '$(SUPPORTED)' >/dev/null 2>&1 && command -v $$p && break; done)
BIN = .venv/bin
ARGS ?=

# Two busy threads on shared cores are many times slower than one at this size.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test bench lint

demo: .venv/installed
	$(BIN)/python -m flows.reveal_release $(ARGS)

test: .venv/installed lint
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

bench: .venv/installed
	$(BIN)/python -m benchmarks.lab_runs
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.kills

.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none was found on PATH; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
