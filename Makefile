# The newcomer's two commands are `make serve` and `make test`; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help serve test bench check format docs clean

# Passed on to `colony serve`, for example: make serve ARGS="--http 127.0.0.1:7500"
ARGS ?=

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

serve: ## Set up, build for release, and start the daemon on the embedded engine
	@dev/setup serve
	swift build -c release --product colony
	@exec "$$(swift build -c release --show-bin-path)/colony" serve $(ARGS)

test: ## Set up and run all tests: Swift, HTTP fuzzing, the console in a browser, the README
	@dev/test

bench: ## Measure every block beside its targets and its peers, such as etcd and RabbitMQ, on the same machine
	@dev/bench $(ARGS)

check: ## Check format, warnings, house rules, snippets, and the README's commands
	@dev/check

format: ## Rewrite the sources in the house format
	@dev/format

docs: ## Build the reference documentation into .build/documentation
	@dev/docs

clean: ## Remove what was built; data and settings stay
	rm -rf .build .build-* .venv Benchmarks/.build Benchmarks/.peers
