# The one front door: people and CI call the same targets. `make` alone lists them.
#
# Set-up is kept by stamp files in .venv: a second run does nothing again and needs no network.
# Variables: PORT, HOST, MODEL (serve); ARGS (anything for the command behind a target); PYTHON (an interpreter >= 3.11).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
MODEL ?=
ARGS ?=
# --no-build-isolation: the pinned setuptools of the environment builds despam, so nothing else is fetched
INSTALL := env -u DESPAM_PURE $(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation -c constraints.txt
TOOLS := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt pip setuptools
FRAME := pyproject.toml setup.py constraints.txt
KERNEL := $(wildcard src/despam/core/_native.c src/despam/core/native/*.h)

.PHONY: help serve test lint unit unit-pure format docs model bench bench-quick bench-service bench-cold \
	bench-hostile bench-training bench-batch accuracy accuracy-peers story wheels constraints system peers clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

## ---------------------------------------------------------------- set-up

$(VENV)/.made:
	@python=$$(.ci/find-python $(PYTHON)) && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.tools: $(VENV)/.made constraints.txt
	@echo "Setting up $(VENV) ..." >&2
	@$(TOOLS)
	@touch $@

# what `make serve` needs, and nothing more
$(VENV)/.serve: $(VENV)/.tools $(FRAME)
	@$(INSTALL) -e ".[serve,registry]"
	@touch $@

# everything: each extra, test tools, linters; the wheelhouse lets a test install the package afresh without a network
$(VENV)/.dev: $(VENV)/.tools $(FRAME)
	@$(INSTALL) -e ".[all]" --group dev
	@$(BIN)/python -m pip download -qq --disable-pip-version-check -c constraints.txt -d $(VENV)/wheelhouse click rich
	@touch $@ $(VENV)/.serve

# the kernel again when its source changed or there is none; without a compiler despam runs on Python
$(VENV)/.kernel: $(KERNEL) setup.py | $(VENV)/.serve
	@env -u DESPAM_PURE $(BIN)/python setup.py -q build_ext --inplace
	@! ls src/despam/core/_native*.so >/dev/null 2>&1 || touch $@

system: ## Install Chromium and a C compiler where apt may; else say what is skipped.
	@.ci/system-packages $(PYTHON)

peers: $(VENV)/.dev ## Install the peers of bench that can be had; else say what is left out.
	@.ci/peer-packages $(BIN)/python

## ---------------------------------------------------------------- use

serve: $(VENV)/.serve $(VENV)/.kernel ## Set up and run page and API on http://localhost:8000.
	@$(BIN)/despam serve --host $(HOST) --port $(PORT) $(if $(MODEL),--model $(MODEL)) $(ARGS)

## ---------------------------------------------------------------- checks

test: system lint unit unit-pure ## Set up and run every check.

lint: $(VENV)/.dev ## Style, types, and the layout's arrows.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev $(VENV)/.kernel ## The tests, on the C kernel where there is one.
	$(BIN)/pytest $(ARGS)

unit-pure: $(VENV)/.dev ## The core's tests again, on the Python reference.
	DESPAM_PURE=1 $(BIN)/pytest tests/core $(ARGS)

story: $(VENV)/.dev $(VENV)/.kernel ## The cloud story alone, told line by line: train, deploy, promote, roll back.
	$(BIN)/pytest -n0 -s -q tests/aws/test_story.py $(ARGS)

format: $(VENV)/.dev ## Lay the code out as lint wants it.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Write docs/reference again from the code.
	$(BIN)/python docs/generate.py

## ---------------------------------------------------------------- models and figures

model: $(VENV)/.dev $(VENV)/.kernel ## Train the bundled model again.
	$(BIN)/python -m despam.train.bundled $(ARGS)

bench: $(VENV)/.dev $(VENV)/.kernel peers ## Speed beside its peers: table and plot in docs/benchmarks.
	$(BIN)/python benchmarks/speed.py $(ARGS)

bench-quick: $(VENV)/.dev $(VENV)/.kernel ## The ratios to scikit-learn, in under two minutes.
	$(BIN)/python benchmarks/speed.py --quick $(ARGS)

bench-service: $(VENV)/.dev $(VENV)/.kernel ## The service under load, beside its peers.
	$(BIN)/python benchmarks/service.py $(ARGS)

bench-cold: $(VENV)/.dev $(VENV)/.kernel ## First answers of fresh processes and of the Lambda bundle.
	$(BIN)/python benchmarks/cold.py $(ARGS)

bench-hostile: $(VENV)/.dev $(VENV)/.kernel ## Texts made to be slow, beside an ordinary one of 1 MiB.
	$(BIN)/python benchmarks/hostile.py $(ARGS)

bench-training: $(VENV)/.dev $(VENV)/.kernel ## Training by stage, its peak memory; real mails of 10 KB.
	$(BIN)/python benchmarks/training.py $(ARGS)

bench-batch: $(VENV)/.dev $(VENV)/.kernel ## A large file through classify --batch: rate and memory; ARGS=--mb=1000.
	$(BIN)/python benchmarks/batch.py $(ARGS)

accuracy: $(VENV)/.dev $(VENV)/.kernel ## The protocols P1 to P5, and what training takes; says which data are not there.
	$(BIN)/python benchmarks/accuracy.py $(ARGS)

accuracy-peers: $(VENV)/.dev $(VENV)/.kernel ## The same splits for the peers; P2 alone: ARGS="--only P2".
	$(BIN)/python benchmarks/accuracy.py --peers $(ARGS)

## ---------------------------------------------------------------- packages

wheels: $(VENV)/.dev ## Source archive, and wheels for x86-64 and arm64 Linux, in dist/.
	$(BIN)/python .ci/build_wheels.py $(ARGS)

constraints: $(VENV)/.dev ## Pin what is installed now.
	@{ head -1 constraints.txt; $(BIN)/pip freeze --all --exclude-editable | grep -vE '@|://' ; } > $(VENV)/pins
	@mv $(VENV)/pins constraints.txt

clean: ## Remove what the other targets made.
	rm -rf $(VENV) build dist src/*.egg-info src/despam/core/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
