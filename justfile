# What developers do here, by name. `just` alone lists it.

set shell := ["bash", "-euo", "pipefail", "-c"]

postgres := env("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")

[private]
default:
    @just --list

# Serve on an embedded SQLite file, restarting nothing: the one-minute start.
run:
    cargo run

# The tests, on SQLite; nothing else needs to be installed.
test:
    cargo test --workspace

# The same tests on PostgreSQL: each makes and drops a database of its own there.
test-postgres:
    TEST_DATABASE_URL={{ postgres }} cargo test --workspace

# A minute of 64 clients that check every answer against a model, on both databases.
model:
    cargo build --release
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=60 \
        cargo test --test process model -- --nocapture
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=60 \
        TEST_DATABASE_URL={{ postgres }} cargo test --test process model -- --nocapture

# Behind a PgBouncer that keeps track of prepared statements, built where the installed
# one is too old for it. `test-postgres` takes the installed one.
test-pgbouncer:
    #!/usr/bin/env bash
    set -euo pipefail
    PGBOUNCER=$(tests/process/build-pgbouncer)
    export PGBOUNCER TEST_DATABASE_URL={{ postgres }}
    cargo test --test process pooler::

# Everything bad that can happen, in full: some 6 minutes. In brief it is a part of
# the tests.
faults:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release
    export TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api
    export TEST_DATABASE_URL={{ postgres }}
    export SLOW_CLIENTS=500 ABORTS=25000 FAULT_ROUNDS=3 RESTARTS=20 KILLS=100
    export REQUESTS=20000 UNKNOWN_KEYS=10000
    for fault in slow aborts failures rolling durability crowd isolation flood pooler; do
        cargo test --test process $fault:: -- --nocapture
    done

# Ten minutes of made-up requests, tokens, configurations and database URLs, in a build
# that notices every overflow.
fuzz:
    FUZZ_SECONDS=150 cargo test --test api fuzz:: -- --nocapture --test-threads=1

# Twenty minutes of checked load, and whether memory or files grow.
soak:
    cargo build --release
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=1200 \
        TEST_DATABASE_URL={{ postgres }} cargo test --test process model -- --nocapture

# What needs Node and Chromium: a real Better Auth server, /docs in a browser.
e2e:
    npm ci --prefix tests/better-auth --no-audit --no-fund
    npm ci --prefix tests/browser --no-audit --no-fund
    cargo test --test e2e -- better_auth curl docs

# schemathesis against the release binary: every check, two users, old documents.
conformance:
    cargo build --release
    python3 -m venv target/schemathesis
    target/schemathesis/bin/pip install --quiet -r tests/spec/requirements.txt
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api \
        TEST_DATABASE_URL={{ postgres }} cargo test --test e2e -- --nocapture conformance

# Write openapi/tasks.yaml as the code emits it.
openapi:
    cargo run --quiet -- openapi > openapi/.tasks.yaml.new
    mv openapi/.tasks.yaml.new openapi/tasks.yaml

[private]
example-install:
    npm ci --prefix clients/typescript --no-audit --no-fund
    npm --prefix clients/typescript run build
    npm ci --prefix examples/nextjs --no-audit --no-fund

# The service and the Next.js example together: http://localhost:3000.
example: example-install
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build
    BETTER_AUTH_URL=http://localhost:3000 CORS_ORIGINS=http://localhost:3000 target/debug/tasks-api &
    service=$!
    trap 'kill $service 2>/dev/null || true' EXIT
    npm run dev --prefix examples/nextjs

# The example in a real browser; screenshots in examples/nextjs/test/output.
example-test: example-install
    cargo build
    npm --prefix examples/nextjs run build
    TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api npm --prefix examples/nextjs test

# A new release of the contract: its document, for good.
release-openapi: openapi
    cd openapi/released && v=$(sed -n 's/^  version: //p' ../tasks.yaml) && \
        test ! -e "$v.yaml" && cp ../tasks.yaml "$v.yaml" && sha256sum "$v.yaml" >> SHA256SUMS

# The load benchmark: `just bench --quick`, `just bench --help`.
bench *args:
    bench/run {{ args }}

# The TypeScript client: generate it from openapi/tasks.yaml, build it, test it.
client:
    cargo build
    npm ci --prefix clients/typescript --no-audit --no-fund
    npm --prefix clients/typescript run generate
    npm --prefix clients/typescript run build
    npm --prefix clients/typescript run typecheck
    npm --prefix clients/typescript test
    npm --prefix clients/typescript run size

# The linter of the document: valid, and a description and an example everywhere.
spec-lint:
    npm ci --prefix tests/spec --no-audit --no-fund
    npm --prefix tests/spec run lint

# A tool of Rust's, at a version that all share, in target/tools.
[private]
rust-tool name version:
    target/tools/bin/{{ name }} --version 2>/dev/null | grep -qF '{{ version }}' || \
        cargo install --quiet --locked --debug --root target/tools {{ name }}@{{ version }}

# Licences, banned and duplicate dependencies, and where they come from: deny.toml.
deny: (rust-tool "cargo-deny" "0.20.2")
    target/tools/bin/cargo-deny --locked --log-level error check licenses bans sources

# Dependencies with a known weakness; fetches RustSec's database, so not in `check`.
advisories: (rust-tool "cargo-deny" "0.20.2")
    target/tools/bin/cargo-deny --locked --log-level error check advisories

# What the program is made of, as CycloneDX: target/tasks-api.cdx.json.
sbom: (rust-tool "cargo-cyclonedx" "0.5.9")
    #!/usr/bin/env bash
    set -euo pipefail
    trap 'rm -f .sbom.json migration/.sbom.json tests/support/.sbom.json' EXIT
    target/tools/bin/cargo-cyclonedx cyclonedx --format json --spec-version 1.5 --override-filename .sbom
    # The folder it was made in is nobody's business.
    sed 's|file://{{ justfile_directory() }}|file:///tasks-api|g' .sbom.json > target/tasks-api.cdx.json

# deploy/ and the Dockerfile, by linters, and the numbers that must agree.
deploy-check:
    python3 -m venv target/deploy-check
    target/deploy-check/bin/pip install --quiet -r tests/deploy/requirements.txt
    target/deploy-check/bin/python -B tests/deploy/check.py

# Formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Everything that must hold before a change lands, beside `cargo test`.
check: lint deny deploy-check test-postgres test-pgbouncer e2e openapi spec-lint client example-test conformance
    git diff --exit-code -- openapi clients/typescript/src
