# The words of this project; `make help` tells them. PYTHON=... chooses the interpreter.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= auto
# The part of an issue's own count that `make test` runs; `make test-long` runs all of it.
CHAINPILOT_SCALE ?= 0.05
PROGRAMS := openssl=openssl curl=curl softhsm2-util=softhsm2 fuser=psmisc

.DEFAULT_GOAL := help
.PHONY: help demo dev test test-long lint bench-store bench-ocpp bench-est lock clean

help: ## what each word does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo "  PYTHON=python3.12 chooses the interpreter (3.11 to 3.13); ARGS=--stay is handed to the demo."

demo: $(VENV)/.installed-all ## a station gets its certificates from a PKI through a CPMS, on this machine (ARGS=--help)
	@$(BIN)/chainpilot demo $(ARGS)

dev: $(VENV)/.installed-dev ## .venv with everything: the program, its extras, the tools and the test peers

# Tests start the program hundreds of times: without its bytecode on disk each start compiles all of it anew.
test: $(VENV)/.installed-dev ## all tests, large counts scaled by CHAINPILOT_SCALE
	@tools/debian-packages $(PROGRAMS)
	CHAINPILOT_SCALE=$(CHAINPILOT_SCALE) env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n $(WORKERS) $(ARGS)

test-long: ## all tests with the full counts
	$(MAKE) test CHAINPILOT_SCALE=1

lint: $(VENV)/.installed-dev ## ruff, mypy --strict, the import contracts and the house style
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/house_style.py

bench-store: $(VENV)/.installed-all ## measure the station's store: about 3 minutes (ARGS=--quick: half a minute)
	@$(BIN)/python -m benchmarks.store $(ARGS)

bench-ocpp: $(VENV)/.installed-dev ## measure the CPMS's gateway beside PyPI's ocpp: about a minute (ARGS=--help)
	@$(BIN)/python -m benchmarks.ocpp $(ARGS)

bench-est: $(VENV)/.installed-dev ## measure EST enrolments and OCSP answers: about a minute (ARGS=--help)
	@$(BIN)/python -m benchmarks.est $(ARGS)

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links $(UPGRADE)
lock: $(VENV)/.installed-dev ## write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(LOCK) pyproject.toml -o requirements/base.txt
	$(LOCK) pyproject.toml --extra all --group build -o requirements/all.txt
	$(LOCK) pyproject.toml --extra all --group build --group dev -o requirements/dev.txt
	$(LOCK) --no-deps --group ocpp20 -o requirements/ocpp20.txt

clean: ## remove .venv and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

# A stamp a lock: what the demo needs is fewer packages than what the tests need. With PYTHON=... the stamps don't count,
# since .venv may be another Python's.
ifdef PYTHON
export PYTHON
.PHONY: $(VENV)/.installed-dev $(VENV)/.installed-all
endif

$(VENV)/.installed-dev: requirements/dev.txt requirements/ocpp20.txt pyproject.toml
	@tools/make-venv dev.txt ocpp20.txt
	@touch $@ $(VENV)/.installed-all

$(VENV)/.installed-all: requirements/all.txt pyproject.toml
	@tools/make-venv all.txt
	@touch $@
