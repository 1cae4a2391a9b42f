# syntax=docker/dockerfile:1

# The service, on an image with a C library, root certificates and nothing else:
# no shell, no package manager, no root. deploy/README.md says how it is run.

FROM rust:1.94-bookworm AS build
WORKDIR /src

# The dependencies, against empty sources: this layer stays until Cargo.lock or a
# manifest moves. The manifest names tests/e2e and tests/faults, so cargo wants them there.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY migration/Cargo.toml migration/
COPY tests/support/Cargo.toml tests/support/
RUN mkdir -p src migration/src tests/support/src tests/e2e tests/faults \
 && touch src/lib.rs migration/src/lib.rs tests/support/src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && tee tests/e2e/main.rs tests/faults/main.rs < src/main.rs \
 && cargo build --release --locked

# Cargo goes by the files' times, and those of the context may be older than the
# empty sources.
COPY migration/src migration/src
COPY src src
RUN touch src/lib.rs src/main.rs migration/src/lib.rs \
 && cargo build --release --locked \
 && install -d -o 65532 -g 65532 /var/lib/tasks-api

FROM gcr.io/distroless/cc-debian12:nonroot

ARG REVISION=unknown
LABEL org.opencontainers.image.title="tasks-api" \
      org.opencontainers.image.description="A secure to-do backend for front ends that sign their users in elsewhere" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /src/target/release/tasks-api /usr/local/bin/tasks-api
# Where a SQLite file may lie: a volume mounted here belongs to the user below.
COPY --from=build --chown=65532:65532 /var/lib/tasks-api /var/lib/tasks-api

ENV ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /var/lib/tasks-api
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
# Asks /health/ready; the service itself gives up after 3 s.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/tasks-api", "health"]
ENTRYPOINT ["/usr/local/bin/tasks-api"]
CMD ["serve"]
