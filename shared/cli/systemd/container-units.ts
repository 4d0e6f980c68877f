/** The units of caches in containers: the socket wakes systemd's proxy, and that needs the container. */
import { existsSync } from 'node:fs';
import type { Config } from '../../config/config';
import { isLoopback } from '../../config/places';
import { LarderError } from '../../errors';
import { behindPort } from '../containers/woken-places';
import type { Scope } from './places';
import { containerServiceOf, serviceOf } from './unit-names';
import { commandLine, renderLines, renderUnit } from './unit-text';

/** systemd-socket-proxyd(8). */
const PROXY = '/usr/lib/systemd/systemd-socket-proxyd';
/** Longer than a container has to finish (compose.yaml: 30 s). */
const STOP_SECONDS = 60;
/** How long what is under way through the proxy may take to finish; as in appliance.ts. */
const DRAIN_SECONDS = 10;

/** What units are made of, in whatever form. */
export interface UnitFacts {
  readonly scope: Scope;
  /** Absolute path of Node. */
  readonly node: string;
  /** Folder with dist/, and for containers compose.yaml, as the units name it. */
  readonly program: string;
  /** Lines that give the services their settings. */
  readonly environment: readonly string[];
}

/** The services of one cache by name; its socket is as in the other form, but for `filterLines`. */
export function containerUnits(config: Config, name: string, port: number, facts: UnitFacts): Array<readonly [string, string]> {
  const { idleExitSeconds } = config.service;
  const idle = idleExitSeconds > 0 ? [`--exit-idle-time=${idleExitSeconds}s`] : [];
  const proxy = commandLine(PROXY, ...idle, '--connections-max=4096', `127.0.0.1:${behindPort(port)}`);
  const container = commandLine(facts.node, `${facts.program}/dist/shared/cli/main.js`, 'woken', `c=${name}`);
  const isSystem = facts.scope === 'system';
  return [
    [
      serviceOf(name),
      renderUnit('cache-proxy.service', {
        cache: name,
        command: proxy,
        drain: commandLine('/bin/sh', '-c', untilQuiet(behindPort(port))),
        hardening: renderLines(`hardening-${isSystem ? 'proxy' : 'user'}.conf`, {}),
      }),
    ],
    [
      containerServiceOf(name),
      renderUnit('cache-container.service', {
        cache: name,
        command: container,
        environment: [...facts.environment, `Environment=BEHIND_PORT=${behindPort(port)}`],
        after: isSystem ? ['After=docker.service podman.socket network-online.target'] : [],
        stopSeconds: String(STOP_SECONDS),
        runtime: `larder-${name}`,
      }),
    ],
  ];
}

/** Shell that waits, for the drain time at most, until there is no connection to a port of 127.0.0.1: /proc/<pid>/net/tcp has them (proc_pid_net(5)). */
function untilQuiet(port: number): string {
  const connected = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 01`;
  return `i=${DRAIN_SECONDS}0; while [ $i -gt 0 ] && grep -q " ${connected} " /proc/self/net/tcp; do i=$((i - 1)); sleep .1; done`;
}

/**
 * Lines of a socket behind which only the proxy's address is seen: who may connect is for systemd to say.
 * @throws LarderError start: a user's manager cannot, and clients could come from elsewhere; there is no proxy
 */
export function filterLines({ clientNets, listen }: Config, scope: Scope): string[] {
  if (!existsSync(PROXY)) throw new LarderError('start', { what: `${PROXY} is missing`, remedy: 'it comes with systemd; install that' });
  if (scope === 'system') return ['IPAddressDeny=any', `IPAddressAllow=${clientNets.join(' ')}`];
  const open = listen.find((address) => !isLoopback(address));
  if (open === undefined) return [];
  throw new LarderError('start', {
    what: `behind a user's socket a container cannot tell who comes, so that CLIENT_NETS would not be kept at ${open}`,
    remedy: 'use scope=system, or GLOBAL_IP=127.0.0.1',
  });
}
