/**
 * The text of compose.yaml, made by `make docs` from the table of modules, so that no service can be forgotten or differ from its sisters.
 * It keeps to what both the Compose specification's tool and docker-compose 1.29 read: no `name`, no map form of `env_file`, no defaults
 * within defaults, profiles by name.
 */
import type { Module } from '../../../caches/module';
import { HEALTH_PROGRAM, STATE_FOLDER, STORE_FOLDER } from './inside';

/** Every profile has its cache's name; this one has all. */
export const ALL = 'all';
/** The network of reverse proxies, made once for all projects of a machine. */
export const NETWORK = 'lb';
/** Longer than responses under way may take to finish (appliance.ts: 10 s), and the store's closing after it. */
const STOP_GRACE = '30s';

const HEAD = `# The caches in containers. \`make start c=npm with=compose\` does it all; with Compose alone, once there is a .env (it may be empty):
#   make network; docker compose --profile npm up -d --build
# Made from the table of caches by \`make docs\`; what is your own goes into compose.override.yaml, which make takes too.
# Ports are published on GLOBAL_IP; who may connect is CLIENT_NETS. docs/operating.md says more.

x-cache: &cache
  image: '\${LARDER_IMAGE:-larder}'
  build:
    context: .
    args:
      BASE_IMAGE: '\${BASE_IMAGE:-node:22-slim}'
      NPM_CONFIG_REGISTRY: '\${NPM_CONFIG_REGISTRY:-}'
  # Not root, and the same for all services: they share the volumes.
  user: '\${CONTAINER_USER:-1000:1000}'
  restart: unless-stopped
  stop_grace_period: ${STOP_GRACE}
  read_only: true
  tmpfs: [/tmp]
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  mem_limit: '\${MEMORY_MAX:-1g}'
  pids_limit: 256
  env_file: ['\${LARDER_ENV_FILE:-.env}']
  volumes: ['store:${STORE_FOLDER}', 'state:${STATE_FOLDER}']
  logging: { driver: json-file, options: { max-size: 20m, max-file: '5' } }

# What .env says of these is about the machine outside. LARDER_ENV has the settings when make starts this.
x-inside: &inside
  LARDER_ENV: '\${LARDER_ENV:-}'
  LARDER_ENV_FILE: ''
  GLOBAL_IP: 0.0.0.0
  CACHE_DIR: ${STORE_FOLDER}
  STATE_DIR: ${STATE_FOLDER}
  LOG_TO: stdout

# One look costs 50 ms of a processor: three times a minute is enough for those that act on it.
x-health: &health
  interval: 20s
  timeout: 10s
  start_period: 30s
  retries: 3

services:
`;

const TAIL = `networks:
  ${NETWORK}:
    external: true
    name: ${NETWORK}

volumes:
  store:
  state:
`;

/** @param modules in the order of the services */
export function composeFile(modules: readonly Module[]): string {
  return `${HEAD}${modules.map(service).join('\n')}\n${TAIL}`;
}

function service({ name, defaultPort }: Module): string {
  const port = `\${PORT_${name}:-${defaultPort}}`;
  const host = `cache-${name}.\${DOMAIN:-srv}`;
  // For Traefik. A container that is being replaced refuses connections: the next one is tried.
  const traefik = {
    'traefik.enable': 'true',
    'traefik.docker.network': NETWORK,
    [`traefik.http.routers.cache-${name}.rule`]: `Host(\`${host}\`)`,
    [`traefik.http.routers.cache-${name}.middlewares`]: `cache-${name}-retry`,
    [`traefik.http.middlewares.cache-${name}-retry.retry.attempts`]: '4',
    [`traefik.http.services.cache-${name}.loadbalancer.server.port`]: port,
  };
  const labels = { 'larder.cache': name, 'larder.host': host, ...traefik };
  return `  ${name}:
    <<: *cache
    profiles: [${name}, ${ALL}]
    command: [${name}]
    environment:
      <<: *inside
      PORT_${name}: '${port}'
    ports: ['\${GLOBAL_IP:-127.0.0.1}:${port}:${port}']
    networks:
      ${NETWORK}: { aliases: [cache-${name}, '${host}'] }
    labels:
${Object.entries(labels)
  .map(([label, value]) => `      ${label}: '${value}'\n`)
  .join('')}    healthcheck:
      <<: *health
      test: [CMD, node, ${HEALTH_PROGRAM}, ${name}, '${port}']
`;
}
