# Each target works on a fresh machine: what it needs is set up by itself (deploy/dev/venv.sh, deploy/lab/tools.py).
.PHONY: demo test lint format deb bench screenshot venv clean
.DELETE_ON_ERROR:

PYTHON ?= python3
export PYTHON
RUN = .venv/bin

demo: venv ## the whole loop on this machine; KEEP=1 leaves it up
	@$(RUN)/python -m deploy.lab $(if $(KEEP),--keep)

test: venv ## unit tests, recordings, promtool, and the loop end to end
	$(RUN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: venv ## style, types, import contracts, docstrings
	$(RUN)/ruff format --check --diff .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/interrogate --quiet exporter actuator deploy tests

bench: venv ## beside what others use; QUICK=1; ONLY=exporter or actuator; WRITE=1 puts the figures into docs/performance.md
	@$(RUN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(if $(WRITE),--write)

screenshot: venv ## the operator's page through a whole migration; its pictures, the README's among them
	$(RUN)/python -m pytest -q tests/e2e/test_page.py
	cp .lab/artefacts/page/overview-light.png docs/images/operator-page.png

format: venv
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

deb: ## the exporter's Debian package, into dist/
	@deploy/debian/build.sh dist

venv:
	@deploy/dev/venv.sh

clean: ## forget the environment and the unpacked tools
	rm -rf .venv .lab
