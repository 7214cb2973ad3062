# syntax=docker/dockerfile:1
#
# The gateway alone, for a PostgreSQL that runs elsewhere (DATABASE_URL is needed: there is no server in the image).
# Swift's runtime is linked in; libpq and OpenSSL are Debian's, so that Debian's updates reach them.

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Package.swift ./
COPY Sources Sources
# The package names its tests, and does not load without their folders.
COPY Tests Tests
RUN swift build --configuration release --static-swift-stdlib --product kick-gateway \
    && mv "$(swift build --configuration release --static-swift-stdlib --show-bin-path)/kick-gateway" /kick-gateway

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libpq5 libssl3 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /nonexistent --shell /usr/sbin/nologin kick-gateway
COPY --from=build /kick-gateway /usr/local/bin/kick-gateway
COPY migrations /usr/share/kick-gateway/migrations
COPY openapi /usr/share/kick-gateway/openapi
USER kick-gateway
# Inside a container loopback reaches nobody.
ENV GATEWAY_LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/kick-gateway"]
CMD ["serve"]
