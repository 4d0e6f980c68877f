/**
 * Where things are at the upstream, and under which target they are offered here. A file keeps its path below the root of its index, or
 * else the path at its host, so that lockfiles can be translated both ways by substituting a prefix.
 */
import type { Params } from '../module';
import { normalName, releaseOf } from './project-name';
import { canonicalPath } from '../parsers/escapes';
import { fileTarget, PAGE_TARGET } from './target-patterns';

/** Canonical path of a project's page. */
export function pagePath(project: string): string {
  return `/simple/${project}/`;
}

/** Name of the project that a page's canonical path names. */
export function projectOfPage(path: string): string {
  return path.slice('/simple/'.length, -1);
}

interface Base {
  readonly origin: string;
  readonly host: string;
  /** Path without trailing slash. */
  readonly path: string;
}

function readBase(base: string): Base {
  const end = base.indexOf('/', base.indexOf('://') + 3);
  const origin = end < 0 ? base : base.slice(0, end);
  return { origin, host: origin.slice(origin.indexOf('://') + 3), path: end < 0 ? '' : base.slice(end) };
}

/**
 * The index and the root of a configured base, without trailing slashes. A base is what pip calls `index-url`: with an empty path it is
 * the root of an index at `/simple`; if it ends in `/simple` (devpi: `/+simple`), its parent is the root; else it is both, as PyTorch has it.
 */
function readHome(base: string): { readonly index: string; readonly root: string } {
  if (readBase(base).path === '') return { index: `${base}/simple`, root: base };
  return { index: base, root: base.replace(/\/\+?simple$/, '') };
}

/** URL of a canonical path at a mirror. `+` is escaped: it is always understood so, and some stores take a bare one for a space. */
export function address(base: string, path: string): string {
  const query = path.indexOf('?');
  const plain = (query < 0 ? path : path.slice(0, query)).replace(/\+/g, '%2B');
  const search = query < 0 ? '' : path.slice(query);
  const { index, root } = readHome(base);
  if (plain.startsWith('/simple/')) return index + plain.slice('/simple'.length) + search;
  const elsewhere = /^\/%2Bfiles\/[^/]+\/([^/]+)(\/.*)$/.exec(plain);
  const { host, origin } = readBase(base);
  // Beyond the index's root only a page can say where, never who asks: the operator's credentials may open more than that.
  if (elsewhere && elsewhere[1] === host && readBase(root).path === '') return origin + (elsewhere[2] ?? '') + search;
  return root + plain + search;
}

const FILE_TARGET = fileTarget('');

/** Canonical path of a file and what stands behind its name, as its route has it. */
export function filePath({ name, host, folders = '', file = '' }: Params, suffix = ''): string {
  const prefix = name === undefined ? '' : `/+files/${normalName(canonicalPath(name))}/${canonicalPath(host ?? '')}`;
  return `${prefix}${canonicalPath(folders)}/${canonicalPath(file)}${suffix}`;
}

/** Name of the project that a file's target tells: said by it, or guessed from the file's name. */
export function projectOfFile({ name, file = '' }: Params): string {
  return name === undefined ? releaseOf(canonicalPath(file)).project : normalName(canonicalPath(name));
}

/** Gives the files of one document their targets. */
export class FilePlaces {
  private readonly base: Base;
  private readonly rootPath: string;

  /** @param home base of the mirror that the document came from */
  constructor(
    private readonly project: string,
    home: string,
  ) {
    this.base = readBase(home);
    this.rootPath = readBase(readHome(home).root).path;
  }

  /**
   * The canonical target of a file; undefined if its URL has no path that a distribution can have (then it is not offered here).
   * A path that would be something else here, or that does not lead back to this document by its name, is carried with project and host.
   * @param hasHost to carry the host in any case
   */
  target(host: string, pathname: string, hasHost = false): string | undefined {
    const isBelow = host === this.base.host && pathname.startsWith(`${this.rootPath}/`);
    const path = isBelow ? pathname.slice(this.rootPath.length) : pathname;
    const params = FILE_TARGET.exec(path)?.groups as Params | undefined;
    if (!params || pathname.includes('?')) return undefined;
    if (!hasHost && params['name'] === undefined) {
      const { folders = '', file = '' } = params;
      // Most are canonical already.
      const plain = path.length === folders.length + 1 + file.length && !path.includes('%') ? path : filePath(params);
      if (!plain.startsWith('/_cache/') && !PAGE_TARGET.test(plain) && projectOfFile(params) === this.project) return plain;
    }
    const carried = `/+files/${this.project}/${canonicalPath(encodeURI(host).replace(/[[\]]/g, encodeURIComponent))}${pathname}`;
    const { name, ...rest } = FILE_TARGET.exec(carried)?.groups ?? {};
    return name === undefined ? undefined : filePath({ ...rest, name });
  }
}
