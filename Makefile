# Every target does its own set-up: Python 3.11+, make and a package index are all it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUTPUT ?= model_output
MINUTES ?= 10
# interview.py first: it says what the others will see. Systems come next (add yours to SYSTEMS); what sets
# methods side by side after them, and the page of it all last. Quick fine-tuning, for machines without GPU.
SYSTEMS := binary_rf.py "finetune_geneformer.py --quick --epochs 4 --pretrain-epochs 2" cellular.py "cellama.py --quick" "spoticell.py --quick" \
  "protein_atlas.py --quick"
SCRIPTS := "interview.py --umap" $(SYSTEMS) multiclass_baselines.py "annotate.py --min-genes-found 0.2" "compare.py --budget 1" report.py
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: run test test-all test-browser lint bench fuzz images docs-tables setup ready-model geneformer-files clean help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

run: $(VENV)/.run  ## set up, run every script on cells.npy (or the embedded sample)
	@for script in $(SCRIPTS); do \
		echo "== $$script"; $(BIN)/python $$script --output $(OUTPUT) || exit $$?; \
	done
	@echo "CSVs: $(OUTPUT)/results  plots: $(OUTPUT)/plots  models: $(OUTPUT)/models"
	@echo "All of it on a page: $(OUTPUT)/report.html"

test: $(VENV)/.dev  ## set up, run the tests but for the slow ones (two minutes on 2 idle cores)
	$(BIN)/python -m pytest -n 2 -m "not slow" $(TESTS)

test-all: $(VENV)/.dev  ## every test: also killed runs, torchrun, many random examples
	$(BIN)/python -m pytest -n 2 --hypothesis-profile thorough $(TESTS)

test-browser: $(VENV)/.browser  ## set up, try the page of report.py in Chromium
	@test -n "$(CHROMIUM)" || { echo "Chromium is not here: apt-get install chromium (Debian), or its like"; exit 1; }
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest -m browser tests/browser

lint: $(VENV)/.dev  ## set up, check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(VENV)/.bench  ## set up, run every benchmark (about an hour on 2 cores)
	PYTHON=$(PYTHON) $(BIN)/python -m benchmarks.run_all

fuzz: $(VENV)/.run  ## set up, damage files for MINUTES=10 and read them (docs/security.md)
	$(BIN)/python -m benchmarks.fuzz --minutes $(MINUTES)

images: $(VENV)/.run  ## remake the README's plots
	$(BIN)/python -m benchmarks.images

ready-model: $(VENV)/.dev  ## train the package's model of blood: CELLS="cells.npy pbmc3k.h5ad ifnb_2800.h5ad"
	$(BIN)/python -m bundled.ready_model --cells $(CELLS)

docs-tables: $(VENV)/.run  ## remake the docs' tables of figures from docs/records
	$(BIN)/python -m benchmarks.docs_tables

geneformer-files: $(VENV)/.run  ## fetch Geneformer's dictionaries and weights (44 MB)
	$(BIN)/python finetune_geneformer.py --download

setup: $(VENV)/.dev  ## set up only

clean:  ## remove the environment and caches, not the outputs
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements-dev.txt
	$(INSTALL) --no-deps --editable .
	@touch $@ $(VENV)/.run

$(VENV)/.browser: requirements.txt requirements-dev.txt requirements-browser.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements-browser.txt
	$(INSTALL) --no-deps --editable .
	@touch $@ $(VENV)/.run $(VENV)/.dev

$(VENV)/.bench: requirements.txt requirements-dev.txt requirements-bench.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements-bench.txt
	$(INSTALL) --no-deps --editable .
	@touch $@ $(VENV)/.run $(VENV)/.dev
