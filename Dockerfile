# One image for every cache; the command names the cache. Two stages, so that the compiler is not shipped.
# Both need a base with Node in PATH and nothing else (the first one npm and a shell too). A registry for npm:
# --build-arg NPM_CONFIG_REGISTRY=http://…, for instance a cache of this very appliance.
ARG BASE_IMAGE=node:22-slim
ARG BUILD_IMAGE=${BASE_IMAGE}

FROM ${BUILD_IMAGE} AS build
ARG NPM_CONFIG_REGISTRY
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY shared/cli/containers/image-packages.cjs shared/cli/containers/
RUN node shared/cli/containers/image-packages.cjs
COPY caches caches
COPY shared shared
RUN node shared/cli/prepare.cjs start build && node dist/shared/cli/containers/image-tree-process.js /image

FROM ${BASE_IMAGE}
COPY --from=build /image/ /
WORKDIR /larder
# Loopback inside a container reaches nobody; who may connect is still CLIENT_NETS.
ENV NODE_ENV=production CACHE_DIR=/var/cache/larder STATE_DIR=/var/lib/larder GLOBAL_IP=0.0.0.0 LOG_TO=stdout
# By number: the base needs no user of that name. Any other does as well (--user), since new volumes are open to all.
USER 1000:1000
VOLUME ["/var/cache/larder", "/var/lib/larder"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["node", "dist/shared/cli/containers/health-process.js"]
ENTRYPOINT ["node", "dist/shared/main.js"]
CMD ["npm"]
