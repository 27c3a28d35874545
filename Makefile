# make demo   install what is needed and see it work: broker, worker, generator, alerts, a closing table
# make test   install what is needed and run the whole suite, with a real broker
# make test-kafka  the tests that talk to a broker, on Apache Kafka (needs Java 17 and Maven)
# make test-airflow  dags/, run by Airflow in an environment of its own, .airflow-venv (needs the network once)
# make bench  measure this application and others on Apache Kafka, and write docs/performance.md (half an hour)
# make lint   formatting, linting, types
# make lock   pin the dependencies anew (needs uv)

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-kafka test-airflow bench lint lock clean

demo: .venv/runtime
	@$(BIN)/fraud-stream demo

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-kafka: .venv/dev
	@$(BIN)/python -m deploy.kafka --fetch
	TEST_BROKER=kafka $(BIN)/python -m pytest -m "broker and not embedded"

test-airflow: .venv/dev .airflow-venv/made
	$(BIN)/python -m pytest tests/dags

bench: .venv/dev
	@$(BIN)/python -m deploy.kafka --fetch
	$(BIN)/python -m benchmarks --json docs/figures.json --write docs

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.airflow-venv/made: deploy/airflow/requirements.lock
	@$(PYTHON) -m venv --clear .airflow-venv
	.airflow-venv/bin/pip install --quiet --require-hashes -r deploy/airflow/requirements.lock
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Cannot make a virtual environment; on Debian and Ubuntu install python3-venv first."; exit 1; }

.venv/runtime: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ .venv/runtime

lock:
	uv pip compile pyproject.toml --group build --universal --generate-hashes --no-header --no-emit-index-url -o requirements.lock
	uv pip compile pyproject.toml --group build --group dev --universal --generate-hashes --no-header --no-emit-index-url -o requirements-dev.lock
	uv pip compile deploy/airflow/requirements.in --python-version 3.11 --universal --generate-hashes --no-header --no-emit-index-url -o deploy/airflow/requirements.lock

clean:
	rm -rf .venv .airflow-venv .fraud-stream build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
