/** The part of the table of settings that is about how caches are run: by systemd, in containers, or in the background. */
import * as kinds from './value-kinds';
import type { Kind } from './value-kinds';

interface ServiceSetting<T> {
  readonly kind: Kind<T>;
  readonly fallback: string;
  readonly group: 'Service';
  readonly description: string;
}

function setting<T>(kind: Kind<T>, fallback: string, description: string): ServiceSetting<T> {
  return { kind, fallback, group: 'Service', description };
}

export const SERVICE_SETTINGS = {
  WITH: setting(
    kinds.choice('process', 'compose'),
    'process',
    'What make start, stop, logs, status and install-sockets run caches as: processes of this machine, or containers.',
  ),
  IDLE_EXIT: setting(
    kinds.duration,
    '10m',
    'A cache that systemd woke by its socket exits after so long without a request; the next connection wakes it again. 0: never.',
  ),
  WATCHDOG: setting(kinds.duration, '0 (off)', 'systemd ends and restarts a cache that has not said for so long that it works.'),
  MEMORY_MAX: setting(
    kinds.bytes,
    '1GiB',
    'Most memory that systemd, or the container engine, lets one cache have; beyond it is restarted.',
  ),
  BASE_IMAGE: setting(kinds.text, 'node:22-slim', 'Image with Node that the image of the appliance is built on.'),
  LARDER_IMAGE: setting(
    kinds.text,
    'larder',
    'Name of the image of the appliance. With a registry in it (registry.example/larder:1) the image is pulled, else it is built from the clone.',
  ),
  CONTAINER_USER: setting(
    kinds.userIds,
    'the owner of the clone',
    'User and group that containers run as, by number: 1000:1000. Never 0. The volumes belong to the first one.',
  ),
  OVERLAY_DIR: setting(
    kinds.text,
    'overlay, in the clone',
    'Folder with what make build i=IMAGE adds to images: etc/, root/ and usr/, and a program hook that is run in the build.',
  ),
  DOCKER_HOST: setting(kinds.text, "the client's own", 'Container engine that is spoken to, e.g. unix:///run/podman/podman.sock.'),
} as const;
