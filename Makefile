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

# Packages whose every line and branch the unit tests must reach, and tests that reach them; all others
# are run without being traced, which takes a third of their time. Sources come last: where pytest
# imports a module before anybody, a function of its name in the package is hidden by it.
MEASURED := model trial analysis
TRACED := $(patsubst %,tests/unit/%,$(MEASURED) scenario endpoints economics report/words \
  $(patsubst %,simulation/%,generation looks patient_level test_relabeling.py test_longitudinal_files.py) \
  $(patsubst %,planning/%.py,controls/test_influence controls/test_samples controls/test_shares runs/test_direction_check \
  runs/test_forecast runs/test_screening_files sample_size/test_search theory/test_expected_events theory/test_extremes)) \
  tests/statistical/trial tests/reference/analysis/survival tests/interface/test_public_face.py \
  $(patsubst %,src/lupusim/%,$(MEASURED))
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
	$(PYTEST) -m "not slow" $(TRACED) $(patsubst %,--cov=lupusim.%,$(MEASURED)) --cov-report=
	$(BIN)/coverage report --fail-under=100 --skip-covered
	$(PYTEST) -m "not slow" $(patsubst %,--ignore=%,$(TRACED))

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
