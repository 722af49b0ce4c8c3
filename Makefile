# make run    sets up everything and opens the dashboard        (PORT=8501)
# make test   sets up everything and passes the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
# Address of an index with other builds of PyTorch, such as its CPU-only wheels; empty: the default index.
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: run test encoder lint format browser-test bench clean
.DELETE_ON_ERROR:

run: $(VENV)/app encoder
	@exec $(BIN)/python -m streamlit run dashboard/app.py --server.port $(PORT)

test: $(VENV)/dev encoder
	$(BIN)/python -m pytest -m "not browser"

browser-test: $(VENV)/dev encoder
	$(BIN)/python -m pytest -m browser tests/browser

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

encoder: $(VENV)/app
	@$(BIN)/python -m core encoder fetch || echo "Going on without the encoder: verso-fast judges until it is there."

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/app
	$(BIN)/python -m core bench

clean:
	rm -rf $(VENV)

$(VENV)/app: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Verso needs Python 3.11 or newer; name one with make PYTHON=...")'
	@echo "Setting up Verso in $(VENV) (a few minutes and some gigabytes the first time)..."
	@$(PYTHON) -m venv $(VENV)
	@$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) $(shell grep -E '^torch(vision)?==' requirements.txt))
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt requirements-addresses.txt requirements-ray.txt $(VENV)/app
	@$(PIP) -r requirements-dev.txt
	@touch $@
