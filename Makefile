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
MODELS := cascade verso verso-fast $(ON_EMBEDDINGS) forensic-gradient-boosting \
	$(addprefix pixel-,svm knn decision-tree random-forest) resnet18-finetune $(addprefix student-,1 2 3 4)
CORPUS := data/manifest.csv

.PHONY: run test encoder body models lint format browser-test bench clean
.DELETE_ON_ERROR:

run: $(VENV)/app encoder body
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

body: $(VENV)/app
	@$(BIN)/python -m core body fetch || echo "Going on without it: models that carry only a head cannot judge until it is there."

models: export VERSO_MODELS = $(abspath $(INTO))
models: $(MODELS:%=$(INTO)/%/robustness.csv)

# A model that is trained has its card, and one that is measured under all conditions its robustness.csv.
$(patsubst %,$(INTO)/%/card.toml,$(filter-out cascade,$(MODELS))): $(INTO)/%/card.toml: | $(VENV)/app encoder
	$(BIN)/python -m core train $* --corpus $(CORPUS) --output $(@D)

$(INTO)/verso-fast/int8.onnx: | $(INTO)/verso-fast/card.toml
	$(BIN)/python -m core quantise $(@D)

$(INTO)/verso-fast/robustness.csv: | $(INTO)/verso-fast/int8.onnx

$(INTO)/cascade/card.toml: | $(patsubst %,$(INTO)/%/robustness.csv,verso verso-int8 verso-fast)
	$(BIN)/python -m core cascade --output $(@D)

$(MODELS:%=$(INTO)/%/robustness.csv): $(INTO)/%/robustness.csv: | $(INTO)/%/card.toml
	$(BIN)/python -m core evaluate $(@D) --perturb all

# verso makes the embeddings that these read too.
$(ON_EMBEDDINGS:%=$(INTO)/%/card.toml): | $(INTO)/verso/robustness.csv

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
