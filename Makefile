# make run    the main job, from nothing      make test      the whole check
# make packages  the built packages in an empty environment
# make release-check  versions, pages, notebooks, licenses, packages
# make docs      the manual, into build/docs; a warning is an error
# make test-all  with the long statistical suite

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
unexport PYTHONDONTWRITEBYTECODE  # every start of a process would compile all modules anew
PYTEST := $(BIN)/pytest -n auto --dist loadgroup --max-worker-restart 0

LINTED := src tests benchmarks scripts conftest.py

# Packages whose every line and branch the unit tests must reach; and tests that are run without
# being traced, which takes a third of their time: others reach all lines of these packages.
MEASURED := model trial analysis
UNTRACED := $(patsubst %,tests/%,combinations agreement property plugins interface/app \
  interface/cli $(patsubst %,statistical/%,simulation planning calibration) \
  $(patsubst %,unit/report/%,document questions figures run selftest test_manual.py test_model_pictures.py test_tables.py) \
  $(patsubst %,unit/calibration/%,checking estimation patients posterior targets) \
  $(patsubst %,unit/%,common test_start_up.py planning/runs/test_run.py planning/execution) \
  $(patsubst %,interface/%,test_notebooks.py test_html.py))
# The long suite begins with what is cheap and tells most.
LAST := tests/statistical tests/combinations
FIRST := $(filter-out $(LAST) tests/support,$(patsubst %/,%,$(wildcard tests/*/)))

.PHONY: run oldest packages test test-all test-slow lint unit docs release-check format clean

run: $(VENV)/installed
	$(BIN)/lupusim run scenarios/phase2_remission_52w.yaml

test: lint unit

test-all: lint unit test-slow

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev
	$(PYTEST) -m "not slow" $(patsubst %,--ignore=%,$(UNTRACED)) $(patsubst %,--cov=lupusim.%,$(MEASURED)) --cov-report=
	$(BIN)/coverage report --fail-under=100 --skip-covered
	$(PYTEST) -m "not slow" $(UNTRACED)

packages: $(VENV)/installed-dev
	$(BIN)/python scripts/check_packages.py

docs: $(VENV)/installed-dev
	rm -rf build/docs
	$(BIN)/lupusim docs --out build/docs

release-check: $(VENV)/installed-dev
	$(BIN)/python scripts/release_check.py

test-slow: $(VENV)/installed-dev
	$(PYTEST) -m slow $(FIRST) $(LAST)

format: $(VENV)/installed-dev
	$(BIN)/ruff format $(LINTED)
	$(BIN)/ruff check --fix $(LINTED)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .venv-oldest .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.*

# The unit tests with the oldest allowed version of each dependency
oldest: .venv-oldest/installed
	.venv-oldest/bin/pytest -n auto -m "not slow" \
	  $(patsubst %,tests/unit/%,model trial simulation engines analysis report calibration)
	.venv-oldest/bin/python scripts/same_bits.py

.venv-oldest/installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints-oldest.txt --editable ".[pdf,calibration,cluster]" hypothesis pytest pytest-xdist
	touch $@
