/** Targets for the files of one page: no two different files may have one. */
import type { FilePlaces } from './file-place';
import type { FileUrl } from './file-url';

export class FileTargets {
  /** Targets of the first host, as long as there is only that one: nearly always, and then nobody asks for them. */
  private firsts: string[] = [];
  private firstHost: string | undefined;
  /** Host of the first file of each target. */
  private readonly hosts = new Map<string, string>();

  constructor(private readonly places: FilePlaces) {}

  /**
   * The canonical target of a file. The first of a page keeps its plain path; another host's file with the same path carries its host. On
   * one host it is the same file twice, as `http:` and `https:`, or with two queries.
   */
  target({ host, pathname }: FileUrl): string | undefined {
    const target = this.places.target(host, pathname);
    if (target === undefined) return undefined;
    this.firstHost ??= host;
    if (this.hosts.size === 0 && host === this.firstHost) {
      this.firsts.push(target);
      return target;
    }
    for (const first of this.firsts) this.hosts.set(first, this.firstHost);
    this.firsts = [];
    const owner = this.hosts.get(target);
    if (owner !== undefined && owner !== host) return this.places.target(host, pathname, true);
    this.hosts.set(target, host);
    return target;
  }
}
