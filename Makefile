.DEFAULT_GOAL := help
PY := .venv/bin/python
.PHONY: help setup develop demo test check fix e2e browser installed chaos fuzz postgres long trials wheel partners clean

help:     ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:    ## Make .venv and install what running Honk needs
	@scripts/setup requirements.lock

develop:  ## The same with what developing needs
	@scripts/setup requirements-dev.lock

demo: setup ## The whole journey on the example repository, live in the terminal
	@.venv/bin/honk demo $(ARGS)

test: develop check ## Everything that CI runs: checks and the default test suite
	@$(PY) -m pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

check: develop ## Format, lint, types, import rules
	@$(PY) -m ruff format --check -q .
	@$(PY) -m ruff check -q .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

fix: develop ## Let ruff put right what it can
	@$(PY) -m ruff check -q --fix . ; $(PY) -m ruff format -q .

e2e: develop partners ## Only the tests with real servers and the real agent binary
	@$(PY) -m pytest -m "(e2e or sandbox) and not slow" $(ARGS)

browser: develop ## Pages and builds in a real Chromium (installs it: 350 MB)
	@scripts/partners chromium
	@$(PY) -m pytest tests/e2e/test_pages_browser.py tests/e2e/test_pages_site.py tests/e2e/test_pages_overviews.py tests/e2e/test_pages_passkeys.py tests/contracts/test_cameras.py $(ARGS)
	@$(PY) -m pytest -m slow tests/e2e/test_phone_journey.py tests/e2e/test_pages_by_thumb.py $(ARGS)

installed: develop partners ## The wheel in an environment of its own, and the demo from there
	@$(PY) -m pytest -m slow tests/e2e/test_wheel.py $(ARGS)

chaos: develop partners ## Killed at every step, then a real server at TRIALS random moments (SEED repeats a run)
	@$(PY) -m pytest -n 2 -m slow tests/scenarios tests/e2e/test_run_killed.py tests/e2e/test_run_lost.py tests/e2e/test_run_model.py $(ARGS)
	@$(PY) tests/chaos/run.py --trials $(or $(TRIALS),300) $(if $(SEED),--seed $(SEED))

fuzz: develop ## Thousands of strange requests to every route of the API, from Slack and from GitHub, none of which may meet a defect
	@$(PY) -m pytest -m slow tests/doors/test_api_fuzz.py tests/doors/test_slack_http_fuzz.py tests/doors/test_github_webhooks.py $(ARGS)

postgres: develop partners ## Everything that touches the database, on a real PostgreSQL server
	@$(PY) -m pytest -n 2 -k "postgresql or postgres" tests $(ARGS)

long:     develop partners ## Every test that `make test` leaves out for its length
	@$(PY) -m pytest -n 2 --dist loadgroup -m slow $(ARGS)

trials: develop partners ## Real fixes of third-party repositories, replayed through the real Claude Code
	@$(PY) tests/trials/run.py $(ARGS)

wheel: develop ## Build the wheel into dist/
	@$(PY) -m build --wheel --no-isolation -o dist . >/dev/null && ls dist/*.whl

partners: ## Install the test partners that nobody here wrote
	@scripts/partners

clean:    ## Remove what building and testing made
	@rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache
