/** Targets for the files of one page: no two different files may have one. */
import type { FilePlaces } from './file-place';
import type { FileUrl } from './file-url';

export class FileTargets {
  /** Host of the first file of each target. */
  private readonly hosts = new Map<string, string>();
  private lastHost = '';

  constructor(private readonly places: FilePlaces) {}

  /**
   * The canonical target of a file. The first of a page keeps its plain path; another host's file with the same path carries its host. On
   * one host it is the same file twice, as `http:` and `https:`, or with two queries.
   */
  target({ host, pathname }: FileUrl): string | undefined {
    const target = this.places.target(host, pathname);
    if (target === undefined) return undefined;
    const owner = this.hosts.get(target);
    if (owner === host) return target;
    if (owner !== undefined) return this.places.target(host, pathname, true);
    // One string for all files of a host.
    if (host !== this.lastHost) this.lastHost = host;
    this.hosts.set(target, this.lastHost);
    return target;
  }
}
