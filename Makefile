# Everything a person, pre-commit or CI does to this repository. `make` lists it.

SHELL := bash
python := .venv/bin/python
pytest := $(python) -m pytest -n 3 # on two cores: whole sagas wait more than they compute
servers := $(python) -m scripts.servers
output := $(if $(JSON),--json)

.PHONY: help setup demo test test-long images-test lint format types bench bench-engine servers servers-down up down constraints clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready ## .venv with everything in it; again only when a dependency changes

.venv/.ready: constraints.txt requirements-dev.txt $(wildcard */pyproject.toml)
	@scripts/setup
	@touch $@

demo: setup ## the hub and its sandbox, with real orders; ONCE=1 ends after the table, JSON=1 prints one JSON object
	@.venv/bin/throughline demo $(if $(ONCE),--once) $(output)

test: setup ## every test but the long ones, on real RabbitMQ and PostgreSQL; ARGS="path -k word" for some
	@$(servers) run -- $(pytest) -m "not long" $(ARGS)

test-long: setup ## every test, the long forms and many more random examples
	@HYPOTHESIS_PROFILE=long $(servers) run -- $(pytest) --timeout 3600 $(ARGS)

images-test: setup ## build the image, run compose.yaml's services in containers, send orders through (Debian, as root)
	@$(python) -m pytest --timeout 1800 e2e/test_images.py $(ARGS)

lint: setup ## style and likely bugs
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@$(python) -W ignore -m scripts.asyncapi --check
	@$(python) -W ignore -m scripts.pictures --check

format: setup ## what lint can put right by itself
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

types: setup ## mypy, strict, on sources and tests
	@scripts/types

bench: setup ## sagas per second on RabbitMQ and PostgreSQL that wait for the disk; JSON=1
	@$(servers) --durable run -- $(python) -m bench.sagas $(output) $(ARGS)

bench-engine: setup ## decisions per second of the pure engine; JSON=1
	@$(python) -m bench.engine $(output) $(ARGS)

servers: setup ## RabbitMQ and PostgreSQL that stay up for work by hand: eval "$(make servers)"
	@$(servers) up

servers-down: setup ## stop them and forget their data
	@$(servers) down

up: ## every service in containers
	@docker compose up --build --detach --wait

down: ## stop the containers
	@docker compose down

constraints: ## newest versions of everything into constraints.txt
	@scripts/constraints

clean: ## forget everything that was made here
	@if [ -x $(python) ]; then $(servers) down; fi
	@rm -rf .venv .run .mypy_cache .pytest_cache .ruff_cache .hypothesis
