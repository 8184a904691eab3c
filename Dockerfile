# hlskey in a container: docker build -t hlskey .
#
#   docker run -p 8443:8443 -v "$PWD/etc:/etc/hlskey:ro" -v hlskey:/var/lib/hlskey \
#       --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 30 hlskey
#
# `docker stop` kills after 10 s unless --stop-timeout says otherwise: give it server.drain and 6 s.
#
# /etc/hlskey holds hlskey.toml, certificates and secrets, all readable by user 10001 alone;
# /var/lib/hlskey the database. The encryptor runs from the same image, without the health check:
#
#   docker run --no-healthcheck … hlskey encrypt --stream live/news …

FROM node:22-bookworm-slim AS player
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund --ignore-scripts

FROM rust:1.95-slim-bookworm AS program
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
COPY benches benches
COPY tests tests
COPY keystore/migrations keystore/migrations
COPY docs/openapi.json docs/openapi.json
COPY web web
COPY --from=player /build/web/node_modules web/node_modules
RUN cargo build --profile dist --locked --bin hlskey

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/hlskey --create-home hlskey \
    && chmod 0700 /var/lib/hlskey
COPY --from=program /build/target/dist/hlskey /usr/local/bin/hlskey
USER 10001:10001
WORKDIR /var/lib/hlskey
VOLUME /var/lib/hlskey
ENV HLSKEY_CONFIG=/etc/hlskey/hlskey.toml
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["hlskey", "health"]
ENTRYPOINT ["hlskey"]
CMD ["serve"]
