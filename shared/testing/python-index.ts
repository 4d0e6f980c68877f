/**
 * A local Python index for tests that behaves as a full one does: pages in HTML or JSON by Accept, real wheels and sdists, `.metadata`,
 * the JSON API; or as poorer ones do. Anything can be overridden through `upstream.on`.
 *
 *   node dist/shared/testing/python-index.js --port 4141     prints its index URL and serves three projects
 */
import type { IncomingMessage } from 'node:http';
import {
  apiDocument,
  crowd,
  htmlPage,
  jsonPage,
  normalized,
  release,
  sha256,
  type HeldFile,
  type HeldProject,
  type ProjectSpec,
} from './python-content';
import { sendReply, type Reply } from './reply';
import { startUpstream, type FakeUpstream } from './upstream';

/** An index that tests change. */
export interface FakeIndex {
  /** Index URL, as pip's `index-url` has it, no trailing slash: with `/simple`, or that of a flat one. */
  readonly url: string;
  /** What answers; scripted paths go before the index's own. */
  readonly upstream: FakeUpstream;
  /** Where files are, if on another port. */
  readonly files: FakeUpstream;
  addProject(spec: ProjectSpec): FakeIndex;
  /** A project whose page lists so many files, none of which has the bytes that it promises. */
  addCrowd(name: string, count: number): FakeIndex;
  /** Changes how a file is listed or answered: the index goes on telling whatever `change` does not touch. @throws if there is none */
  alter(filename: string, change: Partial<HeldFile>): FakeIndex;
  /** A file by its name. @throws if there is none */
  file(filename: string): HeldFile;
  /** Raw path of a file at `files`. */
  target(filename: string): string;
  /** Raw path of a project's page at `upstream`. */
  page(name: string): string;
  close(): Promise<void>;
}

/** How it answers. */
export interface IndexOptions {
  readonly port?: number;
  readonly host?: string;
  /** `both` (default): HTML or JSON by Accept. `html`: HTML always, as many mirrors. */
  readonly forms?: 'both' | 'html';
  /** No validators, no Cache-Control, no Vary; unnormalized names are answered, not redirected. */
  readonly bare?: boolean;
  /** HTML pages carry data-upload-time. */
  readonly uploadTimes?: boolean;
  /** Files come from a second port. */
  readonly filesElsewhere?: boolean;
  /**
   * Pages below this path instead of `/simple`, files beside them, HTML only, as PyTorch's: `/whl/cpu`. The files' URLs keep that path,
   * also elsewhere, and have `+` escaped.
   */
  readonly flat?: string;
  /** How pages name files of the same port: `absolute` (default), `relative`, or from the `root`. */
  readonly links?: 'absolute' | 'relative' | 'root';
  /** Speed of pages. */
  readonly bytesPerSecond?: number;
}

const LAST_MODIFIED = 'Tue, 06 Jan 2026 10:00:00 GMT';
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html';

/** Starts an empty index on loopback. */
export async function startIndex(options: IndexOptions = {}): Promise<FakeIndex> {
  const upstream = await startUpstream(options);
  const files = options.filesElsewhere ? await startUpstream() : upstream;
  const root = options.flat ?? '/simple';
  const projects = new Map<string, HeldProject>();

  const pathOf = ({ filename, place }: HeldFile): string => {
    const name = filename.replace(/\+/g, '%2B');
    return options.flat === undefined ? `/packages/${place.slice(0, 2)}/${place.slice(2, 4)}/${place.slice(4)}/${name}` : `${root}/${name}`;
  };
  const link = (held: HeldFile): string => {
    const path = pathOf(held);
    if (held.href !== undefined) return held.href;
    if (files !== upstream || options.links === undefined || options.links === 'absolute') return files.url + path;
    return options.links === 'root' ? path : `${'../'.repeat(root.split('/').length)}${path.slice(1)}`;
  };
  const find = (wanted: (held: HeldFile) => boolean): { project: HeldProject; index: number; held: HeldFile } | undefined => {
    for (const project of projects.values()) {
      const index = project.files.findIndex(wanted);
      const held = project.files[index];
      if (held) return { project, index, held };
    }
    return undefined;
  };
  const named = (filename: string): { project: HeldProject; index: number; held: HeldFile } => {
    const found = find((held) => held.filename === filename);
    if (!found) throw new Error(`the fake index has no ${filename}`);
    return found;
  };

  const serveFile = (path: string): Reply | undefined => {
    const wanted = path.replace(/\.metadata$/, '').replace(/%2b|\+/g, '%2B');
    const held = find((one) => pathOf(one) === wanted)?.held;
    const body = path.endsWith('.metadata') ? held?.metadata : held?.body;
    return body && immutable(body);
  };
  const immutable = (body: Buffer): Reply => ({
    body,
    ranges: 'yes',
    headers: {
      'content-type': 'application/octet-stream',
      ...(options.bare ? {} : { 'cache-control': 'max-age=365000000, immutable, public' }),
    },
    ...(options.bare ? {} : { etag: `"${sha256(body).slice(0, 32)}"`, lastModified: LAST_MODIFIED }),
  });

  const page = (request: IncomingMessage, path: string): Reply | undefined => {
    if (!path.startsWith(`${root}/`)) return undefined;
    const rest = path.slice(root.length + 1);
    const name = rest.replace(/\/$/, '');
    if (name.includes('/')) return undefined;
    const asJson = options.forms !== 'html' && options.flat === undefined && accepts(request, JSON_TYPE);
    if (rest === '') return text(request, asJson, list(asJson));
    const project = projects.get(normalized(decodeURIComponent(name)));
    if (!project) return undefined;
    if (!rest.endsWith('/') || (!options.bare && name !== project.name))
      return { status: rest.endsWith('/') ? 301 : 308, headers: { location: `${root}/${options.bare ? name : project.name}/` } };
    const style = { link, uploadTimes: options.uploadTimes ?? false };
    return text(request, asJson, asJson ? jsonPage(project, style) : htmlPage(project, style));
  };
  const list = (asJson: boolean): string => {
    const names = [...projects.keys()].sort();
    if (asJson) return JSON.stringify({ meta: { 'api-version': '1.4' }, projects: names.map((name) => ({ name })) });
    return `<!DOCTYPE html>\n<html><body>\n${names.map((name) => `<a href="${root}/${name}/">${name}</a>\n`).join('')}</body></html>\n`;
  };
  const text = (request: IncomingMessage, asJson: boolean, body: string): Reply => {
    const html = options.forms === 'html' || !accepts(request, HTML_TYPE) ? 'text/html; charset=utf-8' : HTML_TYPE;
    const speed = options.bytesPerSecond === undefined ? {} : { bytesPerSecond: options.bytesPerSecond };
    const headers = { 'content-type': asJson ? JSON_TYPE : html };
    if (options.bare) return { body, headers, ...speed };
    return {
      body,
      ...speed,
      gzip: true,
      etag: `"${sha256(body).slice(0, 32)}"`,
      headers: { ...headers, 'cache-control': 'max-age=600, public', vary: 'Accept, Accept-Encoding' },
    };
  };

  const api = (path: string): Reply | undefined => {
    const [, name = '', version] = /^\/pypi\/([^/]+)\/(?:([^/]+)\/)?json$/.exec(path) ?? [];
    const project = projects.get(normalized(name));
    const document = project && apiDocument(project, version, link);
    return document && { body: JSON.stringify(document), headers: { 'content-type': 'application/json' } };
  };

  const fileHere = files === upstream ? serveFile : (): undefined => undefined;
  const missing: Reply = { status: 404, body: '404 Not Found', headers: { 'content-type': 'text/plain' } };
  const pathname = (target: string): string => target.split('?')[0] ?? target;
  upstream.on(/^/, (request, response, { path }) =>
    sendReply(request, response, page(request, pathname(path)) ?? fileHere(pathname(path)) ?? api(pathname(path)) ?? missing),
  );
  if (files !== upstream)
    files.on(/^/, (request, response, { path }) => sendReply(request, response, serveFile(pathname(path)) ?? missing));

  const index: FakeIndex = {
    url: upstream.url + root,
    upstream,
    files,
    addProject(spec) {
      const project = release(projects.get(normalized(spec.name)), spec);
      projects.set(project.name, project);
      return index;
    },
    addCrowd(name, count) {
      const project = { name: normalized(name), spec: { name }, files: crowd(name, count), requires: {} };
      projects.set(project.name, project);
      return index;
    },
    alter(filename, change) {
      const found = named(filename);
      found.project.files[found.index] = { ...found.held, ...change };
      return index;
    },
    file: (filename) => named(filename).held,
    target: (filename) => pathOf(named(filename).held),
    page: (name) => `${root}/${normalized(name)}/`,
    close: async () => void (await Promise.all([upstream.close(), files.close()])),
  };
  return index;
}

/** Whether a media type is accepted at all by name; that is how much the fake one knows of negotiation. */
function accepts(request: IncomingMessage, type: string): boolean {
  const accepted = String(request.headers.accept ?? '');
  const at = (one: string): number => accepted.indexOf(one);
  return at(type) >= 0 && (type === JSON_TYPE || at('text/html') < 0);
}

if (require.main === module) {
  const at = process.argv.indexOf('--port');
  void startIndex({ port: at < 0 ? 0 : Number(process.argv[at + 1]) }).then((index) => {
    index.addProject({ name: 'left', releases: { '1.0': { sdist: true }, '1.1': { requires: ['right>=2'], ballast: 200_000 } } });
    index.addProject({ name: 'right', releases: { '2.0': { requiresPython: '>=3.8' }, '2.1': { yanked: 'broken' } } });
    index.addProject({ name: 'Quiet.Name', releases: { '1.0': { metadata: 'unadvertised' } } });
    setInterval(() => {}, 2 ** 30); // the server itself keeps nothing alive
    process.stdout.write(`${index.url}/\n`);
  });
}
