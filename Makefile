# make run    sets up everything and opens the dashboard        (PORT=8501)
# make test   sets up everything and passes the tests
# make models  trains and measures every model that is not there yet    (INTO=models; two at a time, a core each:
#              make -j2 models OMP_NUM_THREADS=1)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
# Address of an index with other builds of PyTorch, such as its CPU-only wheels; empty: the default index.
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

INTO ?= models
ON_EMBEDDINGS := verso-int8 $(addprefix embedding-,svm logistic-regression random-forest decision-tree knn)
ALONE := $(ON_EMBEDDINGS) forensic-gradient-boosting $(addprefix pixel-,svm knn decision-tree random-forest) \
	resnet18-finetune $(addprefix student-,1 2 3 4)
CORPUS := data/manifest.csv

.PHONY: run test encoder models lint format browser-test bench clean
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

models: export VERSO_MODELS = $(abspath $(INTO))
models: $(INTO)/cascade/robustness.csv $(ALONE:%=$(INTO)/%/robustness.csv)

$(INTO)/%/robustness.csv: | $(VENV)/app encoder
	$(BIN)/python -m core train $* --corpus $(CORPUS) --output $(INTO)/$*
	$(BIN)/python -m core evaluate $(INTO)/$* --perturb all

# verso makes the embeddings that these read too.
$(ON_EMBEDDINGS:%=$(INTO)/%/robustness.csv): | $(INTO)/verso/robustness.csv

$(INTO)/verso-fast/robustness.csv: | $(VENV)/app encoder
	$(BIN)/python -m core train verso-fast --corpus $(CORPUS) --output $(INTO)/verso-fast
	$(BIN)/python -m core quantise $(INTO)/verso-fast
	$(BIN)/python -m core evaluate $(INTO)/verso-fast --perturb all

$(INTO)/cascade/robustness.csv: | $(patsubst %,$(INTO)/%/robustness.csv,verso verso-int8 verso-fast)
	$(BIN)/python -m core cascade --output $(INTO)/cascade
	$(BIN)/python -m core evaluate $(INTO)/cascade --perturb all

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
