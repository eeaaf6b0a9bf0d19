# `make demo` and `make test` need Python 3.11 or newer, git, and a package index; nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint format docs lock bench fuzz clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/program ## review a sample branch with recorded answers
	@$(BIN)/reviewbot demo

test: .venv/dev ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup $(PYTEST)

lint: .venv/dev ## check style, types, workflows, and that generated files are up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet --persona pedantic .github action.yml examples/github/*.yml
	$(BIN)/check-jsonschema --builtin-schema github-workflows .github/workflows/*.yml examples/github/*.yml
	$(BIN)/check-jsonschema --builtin-schema github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema gitlab-ci examples/gitlab/*.yml
	$(BIN)/check-jsonschema --builtin-schema compose-spec deploy/litellm/compose.yaml
	sed '/^---$$/d' templates/reviewbot.yml | $(BIN)/check-jsonschema --builtin-schema gitlab-ci --default-filetype yaml -
	$(BIN)/python -m tools.generate --check

format: .venv/dev ## put the code into form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/dev ## write the generated pages of docs/ anew
	$(BIN)/python -m tools.generate

lock: .venv/dev ## renew the locked versions of what CI installs
	$(BIN)/python -m tools.lock

bench: .venv/dev ## measure speed, memory and size
	$(BIN)/python -m bench

fuzz: .venv/fuzz ## look for input that breaks something, a minute for each property
	PYTHONPATH=tests $(BIN)/python -m fuzz $(SECONDS)
	PYTHONPATH=tests $(BIN)/python -m fuzz.speed

clean: ## remove what make has made
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/pip:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with PYTHON=") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

.venv/program: .venv/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/dev: .venv/program
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

.venv/fuzz: .venv/dev
	$(BIN)/python -m pip install --quiet --group fuzz
	@touch $@
