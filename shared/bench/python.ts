/** The Python index that the local registry serves, as files: pages in HTML and JSON, wheels and their metadata. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crowd, htmlPage, jsonPage, release, type HeldFile, type HeldProject } from '../testing/python-content';

/** Files on the two pages that are asked again and again. */
export const PAGE_FILES = { 'few-files': 5, 'many-files': 2000 } as const;
/** Distributions that a client installs. */
const DISTRIBUTIONS = 60;

export class PythonIndex {
  private stocked: readonly string[] | undefined;
  private readonly names: string[] = [];

  /** @param root folder on disk with simple/ and packages/. @param url base under which it will be served */
  constructor(
    private readonly root: string,
    private readonly url: string,
  ) {}

  /** Writes what a client installs, once. @returns the projects' names */
  stock(): readonly string[] {
    if (this.stocked) return this.stocked;
    const names = Array.from({ length: DISTRIBUTIONS }, (_, index) => `tool-${String(index).padStart(2, '0')}`);
    names.forEach((name, index) => this.addProject(name, wheelBytes(index), index % 3 === 0 ? [] : [`${names[index - 1]}>=1.5`]));
    this.stocked = names;
    return names;
  }

  /** Writes the pages of PAGE_FILES; no such file is there. */
  addPages(): void {
    for (const [name, files] of Object.entries(PAGE_FILES))
      this.writePage({ name, spec: { name }, files: crowd(name, files), requires: {} }, 'https://files.example');
  }

  /** Writes a project with ten versions, the newest of which has a wheel of about so many bytes and these requirements. */
  private addProject(name: string, bytes: number, requires: readonly string[] = []): void {
    const old = Object.fromEntries(Array.from({ length: 9 }, (_, minor) => [`1.${minor}`, { requiresPython: '>=3.6' }]));
    const project = release(undefined, { name, releases: { ...old, '1.9': { ballast: bytes, requires, requiresPython: '>=3.6' } } });
    this.writePage(project);
    for (const file of project.files) {
      const folder = join(this.root, folderOf(file));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, file.filename), file.body);
      if (file.metadata) writeFileSync(join(folder, `${file.filename}.metadata`), file.metadata);
    }
  }

  private writePage(project: HeldProject, host = this.url): void {
    const folder = join(this.root, 'simple', project.name);
    mkdirSync(folder, { recursive: true });
    const style = { link: (file: HeldFile) => `${host}/${folderOf(file)}/${file.filename}`, uploadTimes: false };
    writeFileSync(join(folder, 'index.html'), htmlPage(project, style));
    writeFileSync(join(folder, 'index.json'), jsonPage(project, style));
    // Some caches ask for the list first.
    this.names.push(project.name);
    const links = this.names.map((name) => `<a href="/simple/${name}/">${name}</a>\n`).join('');
    writeFileSync(join(this.root, 'simple/index.html'), `<!DOCTYPE html>\n<html><body>\n${links}</body></html>\n`);
    const list = { meta: { 'api-version': '1.0' }, projects: this.names.map((name) => ({ name })) };
    writeFileSync(join(this.root, 'simple/index.json'), JSON.stringify(list));
  }
}

/** Of twelve wheels, eight have 10 to 200 KB, three 0.2 to 1.5 MB and one 4 to 12 MB. */
function wheelBytes(index: number): number {
  const [rank, turn] = [index % 12, (index * 7919) % 1000];
  if (rank < 8) return 10_000 + turn * 190;
  return rank < 11 ? 200_000 + turn * 1300 : 4_000_000 + turn * 8000;
}

function folderOf({ place }: HeldFile): string {
  return `packages/${place.slice(0, 2)}/${place.slice(2, 4)}/${place.slice(4)}`;
}
