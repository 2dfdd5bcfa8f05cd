# Everything installs into .venv. GNU make 3.81 (macOS) is enough.
PYTHON ?= python3
BIN := .venv/bin
RUN_STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without compiled files a start takes three times as long.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check bench format requirements clean

run: $(RUN_STAMP)
	@exec $(BIN)/python manage.py up

test: $(DEV_STAMP)
	@$(BIN)/python -m tests

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/djlint templates --lint --quiet
	@$(BIN)/python -m tests.checks
	@$(MAKE) --no-print-directory test

# One measurement: make bench ARGS='--only start'. Short loads: ARGS=--quick.
bench: $(DEV_STAMP)
	@$(BIN)/python -m tests.bench $(ARGS)

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

# Writes both files anew from pyproject.toml, with a hash for every file that may be installed.
requirements: $(DEV_STAMP)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet --upgrade \
		--output-file requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --quiet \
		--constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Akhrot needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(RUN_STAMP): requirements.txt | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	@touch $@

# What development needs holds what running needs, so that one file installs it all.
$(DEV_STAMP): requirements-dev.txt | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $(RUN_STAMP) $@
