/** What the tests of the page codec share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DocumentPlace, Pin } from '../../caches/module';
import { page } from '../../caches/pip/page';

/* eslint-disable @typescript-eslint/no-explicit-any -- what JSON.parse gives */
export type Json = any;

/** Where clients see the cache. */
export const BASE = 'http://localhost:3141/x';
/** Where the upstream has its pages. */
export const HOME = 'https://index.example/simple';

/** A page of caches/pip/fixtures. */
export const fixture = (name: string): Buffer => readFileSync(join(__dirname, '../../../caches/pip/fixtures', name));

/** Where a page came from: `home` is an index as pip's `index-url` has it. */
export function placeOf(project = 'foo-bar', home = HOME): DocumentPlace {
  return { path: `/simple/${project}/`, url: `${home}/${project}/`, home };
}

/** What a client is shown. */
export interface Rendering {
  readonly contentType: string;
  readonly text: string;
  readonly json: Json;
  /** Attributes of each link, by its text; `href` is one of them. */
  readonly links: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** A page as a client gets it. */
export function render(body: Buffer, variant: string, place = placeOf(), absent: readonly string[] = []): Rendering {
  const rendered = page.render(body, { ...place, variant, base: BASE, absent });
  if (!rendered) throw new Error('nothing was rendered');
  const text = rendered.body.toString();
  const links = new Map<string, Record<string, string>>();
  for (const [, attributes = '', name = ''] of text.matchAll(/<a ([^>]*)>([^<]*)<\/a>/g)) {
    links.set(
      undone(name),
      Object.fromEntries([...attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, key = '', value = '']) => [key, undone(value)])),
    );
  }
  return { contentType: rendered.contentType, text, links, json: variant.startsWith('json') ? JSON.parse(text) : undefined };
}

function undone(html: string): string {
  return html
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');
}

/** What a page promises, by target. */
export function pinsOf(body: Buffer, place = placeOf()): Map<string, Pin> {
  return new Map(page.pins(body, place).map((pin) => [pin.target, pin]));
}

/** The file of a JSON page. */
export const fileOf = (json: Json, filename: string): Json => json.files.find((file: Json) => file.filename === filename);

/** A digest in hex as an SRI string. */
export function sri(algorithm: string, hex: string): string {
  return `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}`;
}
