# Everything that a developer or a CI machine does. Needs Python 3.11 or later and make; sets up the rest in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-full test-clients lint types format docs benchmark setup clean

demo: setup  ## Record a real client against a real HTTPS server, then look at the cassette
	@$(BIN)/python docs/demo/demo.py

test: setup  ## The test suite, in some eight minutes on two cores
	$(BIN)/python -m pytest -n 2 -m "not full" -q

test-full: setup  ## The same, with the long kill, soak and fuzz runs
	$(BIN)/python -m pytest -n 2 -q

test-clients: setup  ## urllib3's, requests' and other clients' own test suites, bare and recorded
	$(BIN)/python -m tests.clients

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## Write the pages anew that are made from the code: docs/cli.md, docs/formats.md
	$(BIN)/python -m cassette_tools.reference > docs/cli.md
	$(BIN)/python -m cassette_tools.formats_page > docs/formats.md

benchmark: setup  ## This recorder beside the bare program and its peers; two hours
	$(BIN)/python benchmarks/record.py
	$(BIN)/python benchmarks/redact.py
	$(BIN)/python benchmarks/convert.py
	$(BIN)/python benchmarks/inspect.py

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-output
