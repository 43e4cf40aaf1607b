# Each target works on a fresh machine: what it needs is set up by itself (deploy/dev/venv.sh, deploy/lab/tools.py).
.PHONY: demo test lint lint-types lint-format lint-style lint-imports lint-docstrings format deb bench reference \
	dashboards runbook screenshot venv clean
.DELETE_ON_ERROR:

PYTHON ?= python3
export PYTHON
RUN = .venv/bin

demo: venv ## the whole loop on this machine; KEEP=1 leaves it up
	@$(RUN)/python -m deploy.lab $(if $(KEEP),--keep)

# A worker more than the two cores that are enough: many tests wait, for a deadline or for another process.
test: venv ## unit tests, recordings, promtool, and the loop end to end
	$(RUN)/python -m pytest -n 3 --dist loadgroup $(ARGS)

# Side by side, since the types take longer than all the rest; each tells what it found, whatever the others did.
LINT = lint-types lint-format lint-style lint-imports lint-docstrings
lint: venv ## style, types, import contracts, docstrings
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=2 $(LINT)

lint-types:
	$(RUN)/mypy

lint-format:
	$(RUN)/ruff format --check --diff .

lint-style:
	$(RUN)/ruff check .

lint-imports:
	$(RUN)/lint-imports

lint-docstrings:
	$(RUN)/interrogate --quiet exporter actuator deploy grafana tests

bench: venv ## beside what others use; QUICK=1; ONLY=exporter or actuator; WRITE=1 puts the figures into docs/performance.md
	@$(RUN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(if $(WRITE),--write)

screenshot: venv ## the operator's page through a whole migration; its pictures, the README's among them
	$(RUN)/python -m pytest -q tests/e2e/test_page.py
	cp .lab/artefacts/page/overview-light.png docs/images/operator-page.png

format: venv
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

reference: venv ## docs/reference, written from the code
	@$(RUN)/python -m deploy.reference

dashboards: venv ## Grafana's boards, from grafana/*.py
	$(RUN)/python -m grafana

runbook: venv ## docs/runbook.md as the page that Prometheus serves
	$(RUN)/python -m deploy.runbook

deb: ## the exporter's Debian package, into dist/
	@deploy/debian/build.sh dist

venv:
	@deploy/dev/venv.sh

clean: ## forget the environment and the unpacked tools
	rm -rf .venv .lab
