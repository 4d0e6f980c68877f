# One image for every cache; the command names the cache. Installed and built apart, so that the compiler is not shipped.
FROM node:22-slim AS build
WORKDIR /larder
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY caches caches
COPY shared shared
RUN node shared/cli/prepare.cjs start build && rm -rf node_modules/typescript node_modules/@types

FROM node:22-slim
WORKDIR /larder
COPY --from=build /larder/package.json ./
COPY --from=build /larder/node_modules node_modules
COPY --from=build /larder/dist dist
# Loopback inside a container reaches nobody; who may connect is still CLIENT_NETS.
ENV NODE_ENV=production CACHE_DIR=/var/cache/larder STATE_DIR=/var/lib/larder GLOBAL_IP=0.0.0.0
RUN mkdir -p /var/cache/larder /var/lib/larder && chown node:node /var/cache/larder /var/lib/larder
USER node
VOLUME ["/var/cache/larder", "/var/lib/larder"]
ENTRYPOINT ["node", "--initial-old-space-size=48", "--max-semi-space-size=8", "dist/shared/main.js"]
CMD ["npm"]
