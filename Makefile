# The newcomer's two commands are `make serve` and `make test`; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help serve services test faults simulate guarantees bench check format docs clean

# Passed on to `colony serve`, for example: make serve ARGS="--http 127.0.0.1:7500"
ARGS ?=

# Further engines of the daemon, such as: make serve TRAITS=Postgres,Etcd (or AllEngines)
TRAITS ?=
traits = $(if $(TRAITS),--traits $(TRAITS))

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

serve: ## Set up, build for release, and start the daemon on the embedded engine
	@dev/setup serve
	swift build -c release $(traits) --product colony
	@exec "$$(swift build -c release $(traits) --show-bin-path)/colony" serve $(ARGS)

services: ## Set up and start Redis, PostgreSQL, ZooKeeper, and etcd on loopback, for local play; Ctrl-C ends them
	@dev/setup services
	@exec dev/services

test: ## Set up and run all tests: Swift, HTTP fuzzing, the console in a browser, the README
	@dev/test

faults: ## Kill, stop, and cut off servers and contenders of locks, and check what they saw; ARGS="redis --minutes 5"
	@dev/faults $(ARGS)

guarantees: ## Put every engine to its promises, and write what held into the README's table
	@dev/setup test
	@dev/guarantees $(ARGS)

simulate: ## Run elections, membership, and the quorum store in simulated time from many seeds; COLONY_SEEDS_…, COLONY_SEED
	@dev/simulate

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
