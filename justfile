# The tasks of a developer. `just` lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

postgres := env("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")

[private]
default:
    @just --list

# Serve on an embedded SQLite file, without any set-up.
run:
    cargo run

# The tests on SQLite. They need nothing but Rust; tests that need more are ignored.
test:
    env -u TEST_DATABASE_URL cargo test --workspace

# All tests on PostgreSQL, none left out. Each creates and drops a database of its own.
test-postgres:
    #!/usr/bin/env bash
    set -euo pipefail
    PGBOUNCER=${PGBOUNCER:-$(tests/process/build-pgbouncer)}
    export PGBOUNCER TEST_DATABASE_URL={{ postgres }}
    cargo test --workspace -- --include-ignored | tee target/test-postgres.log
    awk '/^test result:/ { passed += $4; left += $8 + $12 }
        END { print passed " passed, " left " left out"; exit !passed || left }' \
        target/test-postgres.log
    # The statements on tables in 16 partitions, as a distributed database has them.
    TEST_PARTITIONED=1 cargo test --lib store:: -- --include-ignored

# The store's tests on tables that Citus distributes over two servers, and the verb that does
# it. Builds Citus, which is AGPL and no part of a release, where CITUS names no PostgreSQL with
# it; CITUS_SOURCE is a repository to build it from.
test-citus:
    tests/citus/run cargo test --lib store:: -- --include-ignored --test-threads=3
    tests/citus/run cargo test --test process verbs::migrate

# A minute of 64 clients that check every response against a model, on both databases.
model:
    cargo build --release
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=60 \
        cargo test --test process model -- --nocapture
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=60 \
        TEST_DATABASE_URL={{ postgres }} cargo test --test process model -- --nocapture \
        --include-ignored --test-threads=1

# The installed PgBouncer, which may be too old to track prepared statements.
# `test-postgres` uses one that does, and builds it where needed.
test-pgbouncer:
    env -u PGBOUNCER TEST_DATABASE_URL={{ postgres }} \
        cargo test --test process pooler:: -- --include-ignored --skip pooler::tracking::

# Faults, slow clients and load at full length, and response times: about 9 minutes on
# a quiet machine. `cargo test` has short forms of most.
faults:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release
    PGBOUNCER=${PGBOUNCER:-$(tests/process/build-pgbouncer)}
    export PGBOUNCER TEST_DATABASE_URL={{ postgres }}
    export TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api
    export SLOW_CLIENTS=500 ABORTS=25000 FAULT_ROUNDS=3 RESTARTS=20 KILLS=100
    export REQUESTS=20000 UNKNOWN_KEYS=10000 CROWD=10000 SEQUENCE_SECONDS=60
    # Each connection of the crowd is an open file of the test as well.
    ulimit -Sn "$(ulimit -Hn)"
    cargo test --test faults -- --nocapture --test-threads=1
    for fault in failures rolling durability crowd isolation flood pooler sequence; do
        cargo test --test process $fault:: -- --nocapture --include-ignored
    done
    env -u TEST_DATABASE_URL cargo test --test process sequence::a_reader -- --nocapture \
        --include-ignored

# Ten minutes of random requests, tokens, configurations and database URLs, in a build
# with overflow checks.
fuzz:
    FUZZ_SECONDS=150 cargo test --test api fuzz:: -- --nocapture --test-threads=1

# Twenty minutes of checked load. Fails if memory or open files grow.
soak:
    cargo build --release
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api MODEL_SECONDS=1200 \
        TEST_DATABASE_URL={{ postgres }} cargo test --test process model -- --nocapture

# Tests that need Node, Python, curl and Chromium: a real Better Auth server, /docs, /reference
# and pages of other origins in a browser, clients whose body is refused.
e2e:
    npm ci --prefix tests/better-auth --no-audit --no-fund
    npm ci --prefix tests/browser --no-audit --no-fund
    cargo test --test e2e -- better_auth browser curl refused_bodies

# schemathesis against the release binary: all checks, two users, released documents.
conformance:
    cargo build --release
    python3 -m venv target/schemathesis
    target/schemathesis/bin/pip install --quiet -r tests/spec/requirements.txt
    TASKS_API_BIN={{ justfile_directory() }}/target/release/tasks-api \
        TEST_DATABASE_URL={{ postgres }} cargo test --test e2e -- --nocapture conformance

# Write openapi/tasks.yaml from the code.
openapi:
    cargo run --quiet -- openapi > openapi/.tasks.yaml.new
    mv openapi/.tasks.yaml.new openapi/tasks.yaml

[private]
example-install:
    npm ci --prefix clients/typescript --no-audit --no-fund
    npm --prefix clients/typescript run build
    npm ci --prefix examples/nextjs --no-audit --no-fund

# The service and the Next.js example together: http://localhost:3000, `just example 3001` on another port.
example port="3000":
    node examples/nextjs/scripts/demo.mjs {{ port }}

# The example in a real browser; report and screenshots in examples/nextjs/test/output.
example-test: example-install
    cargo build
    npm --prefix examples/nextjs run build
    TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api npm --prefix examples/nextjs test

# Add the current document to openapi/released. A released document never changes.
release-openapi: openapi
    cd openapi/released && v=$(sed -n 's/^  version: //p' ../tasks.yaml) && \
        test ! -e "$v.yaml" && cp ../tasks.yaml "$v.yaml" && sha256sum "$v.yaml" >> SHA256SUMS

# The load benchmark: `just bench --quick`, `just bench --help`.
bench *args:
    bench/run {{ args }}

# Pack the benchmark for a machine with many cores and nothing installed.
bench-pack *args:
    bench/pack {{ args }}

# Generate the TypeScript client from openapi/tasks.yaml, build it, and test it on two versions of Node, in Chromium and as a package.
client:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build
    export TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api
    for folder in clients/typescript clients/typescript/test/package/jest tests/better-auth; do
        npm ci --prefix $folder --no-audit --no-fund
    done
    cd clients/typescript
    npm run generate
    npm run build
    npm run typecheck
    # The npm registry has Node as a package.
    for version in 20 22; do
        node={{ justfile_directory() }}/target/node-$version
        npm install --silent --no-save --prefix $node node@$version
        PATH=$node/node_modules/.bin:$PATH npm test
    done
    npm run test:browser
    npm run test:package
    npm run lint:package
    npm run size

# Lint the document: valid, with a description and an example everywhere.
spec-lint:
    npm ci --prefix tests/spec --no-audit --no-fund
    npm --prefix tests/spec run lint

# What a release publishes, of this machine's binary alone: npm, archive and wheel, in target/packages.
package:
    cargo build --release
    python3 -B packages/package.py "$(rustc -vV | sed -n 's/^host: //p')=target/release/tasks-api"

# Install the packages in empty folders and use them: npx, the archive, pip.
package-test: package
    node --test packages/test/*.test.mjs

# The release binary of a Linux target, for old systems too: `just cross aarch64-unknown-linux-musl`.
cross target:
    #!/usr/bin/env bash
    set -euo pipefail
    python3 -m venv target/zig
    target/zig/bin/pip install --quiet -r packages/requirements.txt
    rustup target add {{ target }}
    export PATH=$PWD/target/zig/bin:$PATH
    # jemalloc takes the page size of the building machine; arm64 kernels have up to 64 KiB.
    {{ if target =~ "^aarch64" { "export JEMALLOC_SYS_WITH_LG_PAGE=16" } else { "" } }}
    cargo zigbuild --release --locked --target {{ target }}{{ if target =~ "gnu$" { ".2.17" } else { "" } }}

# A Rust tool at a pinned version, in target/tools.
[private]
rust-tool name version:
    grep -qs '^"{{ name }} {{ version }} ' target/tools/.crates.toml || \
        cargo install --quiet --locked --debug --root target/tools {{ name }}@{{ version }}

# Generators and test tools of others, run as docs/clients.md shows: `just tools`, `just tools prism`.
tools *names:
    cargo build
    npm ci --prefix tests/tools --no-audit --no-fund
    python3 -m venv target/tools-python
    target/tools-python/bin/pip install --quiet -r tests/tools/requirements.txt
    TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api node tests/tools/run.mjs {{ names }}

# progenitor, run as docs/clients.md shows. Not in `check`: tool and client compile for minutes.
tools-rust: (rust-tool "cargo-progenitor" "0.15.1")
    cargo build
    PATH={{ justfile_directory() }}/target/tools/bin:$PATH \
        CARGO_TARGET_DIR={{ justfile_directory() }}/target/tools-rust \
        TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api \
        node tests/tools/run.mjs progenitor

# The snippets of docs/sync.md, RxDB and other clients, on two instances over connections
# that are cut: `just sync`, `just sync rxdb`.
sync *stories:
    cargo build
    npm ci --prefix tests/sync --no-audit --no-fund
    TASKS_API_BIN={{ justfile_directory() }}/target/debug/tasks-api TEST_DATABASE_URL={{ postgres }} \
        node tests/sync/run.mjs {{ stories }}

# Licences, banned and duplicate dependencies, and their sources: deny.toml.
deny: (rust-tool "cargo-deny" "0.20.2")
    target/tools/bin/cargo-deny --locked --log-level error check licenses bans sources

# Dependencies with known vulnerabilities. Not in `check`: it downloads RustSec's database.
advisories: (rust-tool "cargo-deny" "0.20.2")
    target/tools/bin/cargo-deny --locked --log-level error check advisories

# The software bill of materials, as CycloneDX: target/tasks-api.cdx.json.
sbom: (rust-tool "cargo-cyclonedx" "0.5.9")
    #!/usr/bin/env bash
    set -euo pipefail
    trap 'rm -f .sbom.json migration/.sbom.json tests/support/.sbom.json' EXIT
    target/tools/bin/cargo-cyclonedx cyclonedx --format json --spec-version 1.5 --override-filename .sbom
    # The file must not disclose the folder of the build.
    sed 's|file://{{ justfile_directory() }}|file:///tasks-api|g' .sbom.json > target/tasks-api.cdx.json

# Lint deploy/, the Dockerfile and the workflows, and compare what must agree.
deploy-check:
    python3 -m venv target/deploy-check
    target/deploy-check/bin/pip install --quiet -r tests/deploy/requirements.txt
    target/deploy-check/bin/python -B tests/deploy/check.py

# Formatting and lints. `--all-targets` leaves out the tests that `cargo test` does not run.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --test e2e --test faults -- -D warnings

# Mutation tests of what the branch changed against main, or of a folder:
# `just mutants src/auth`. Settings: .cargo/mutants.toml. The result: target/mutants.out.
mutants folder="": (rust-tool "cargo-mutants" "27.1.0")
    #!/usr/bin/env bash
    set -euo pipefail
    git diff "$(git merge-base main HEAD)" > target/mutants.diff
    of=(--in-diff target/mutants.diff)
    if [ -n "{{ folder }}" ]; then
        of=(--file '{{ folder }}.rs' --file '{{ folder }}/**')
    fi
    # A target folder of its own keeps the dependencies compiled between runs.
    export CARGO_TARGET_DIR={{ justfile_directory() }}/target/mutants
    env -u TEST_DATABASE_URL target/tools/bin/cargo-mutants mutants --output target "${of[@]}"

# Which file may import which, without cycles, and no long files: tests/structure/check.py.
structure:
    python3 -B tests/structure/test_check.py
    python3 -B tests/structure/check.py

# All checks before a merge, next to `just test`.
check: lint structure deny deploy-check test-postgres test-pgbouncer e2e openapi spec-lint client tools sync example-test conformance package-test
    git diff --exit-code -- openapi clients/typescript/src
