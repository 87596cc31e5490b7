# make install | demo | test | lint | bench | chaos | fuzz N=inputs | sbom | secrets | lock
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test lint bench chaos fuzz sbom secrets lock clean
.DEFAULT_GOAL := install

install: .venv/installed

.venv/installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/surveillance warm
	touch $@

demo: install
	$(BIN)/surveillance demo

# Each of the JOBS has servers of its own.
JOBS ?= 2
test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks

# Faults on real Kafka and PostgreSQL (docs/operators/faults.md): make chaos SCHEDULES=200 SEED=7
SCHEDULES ?= 10
SEED ?= 1
FIRST ?= 0
chaos: install
	$(BIN)/python -m chaos --schedules $(SCHEDULES) --seed $(SEED) --first $(FIRST)

# Every parser against N changed inputs; what fails is kept in var/fuzz.
fuzz: install
	PYTHONPATH=tests $(BIN)/python -m fuzzing --inputs $(or $(N),1000) --seed $(or $(SEED),1)

# What runs in the service, with versions, hashes and licences, as CycloneDX: dist/surveillance.cdx.json
sbom: install
	mkdir -p dist
	$(BIN)/python deploy/sbom.py > dist/surveillance.cdx.json

# What docker-compose.yml gives its services: readable in the containers, and here by whoever may enter the folder.
secrets:
	mkdir -p -m 700 secrets
	for name in postgres-password migrator-password worker-password web-password dead-letter-key audit-key session-key; do \
	  [ -s secrets/$$name ] || { $(PYTHON) -c "import secrets; print(secrets.token_hex(32))" > secrets/$$name && chmod 444 secrets/$$name; } || exit 1; done

# Needs uv; the pins with their hashes hold on every platform.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" pyproject.toml --extra fhir --extra hl7 -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" pyproject.toml --group dev -o requirements-dev.lock

clean:
	rm -rf .venv var build dist
