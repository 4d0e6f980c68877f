/** Methods that the mirror answers or limits itself on the way to the origin: TRACE and OPTIONS with Max-Forwards (RFC 9110 §7.6.2, §9.3.7, §9.3.8). */
import type { Fields } from '../../rfc9111/message';
import { memorySource } from '../bodies/body-source';
import { fieldOf, without } from './fields';
import type { MirrorAnswer, MirrorRequest } from './types';

/** What a TRACE must not tell: a page could read out what it must not know (§9.3.8). */
const UNTOLD = ['authorization', 'cookie', 'cookie2', 'proxy-authorization'];

/** The final recipient's answer, if the request is to go no further. */
export function ownAnswer(request: MirrorRequest): MirrorAnswer | undefined {
  if ((request.method !== 'TRACE' && request.method !== 'OPTIONS') || fieldOf(request.fields, 'max-forwards')?.trim() !== '0')
    return undefined;
  const about = { status: 200, outcome: 'pass', detail: 'max-forwards' } as const;
  if (request.method === 'OPTIONS')
    return {
      ...about,
      fields: [
        ['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE'],
        ['Content-Length', '0'],
      ],
    };
  const lines = without(request.fields, ...UNTOLD).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `TRACE ${new URL(request.here).pathname.replace(/\/$/, '')}${request.path} HTTP/${request.httpVersion}\r\n${lines.join('')}\r\n`;
  const body = Buffer.from(text, 'latin1');
  return {
    ...about,
    fields: [
      ['Content-Type', 'message/http'],
      ['Cache-Control', 'no-store'],
      ['Content-Length', String(body.length)],
    ],
    body: memorySource(body),
  };
}

/** The fields with Max-Forwards counted down, where it means something. */
export function countedDown(method: string, fields: Fields): Fields {
  if (method !== 'TRACE' && method !== 'OPTIONS') return fields;
  return fields.map(([name, value]) =>
    name.toLowerCase() === 'max-forwards' && /^\s*\d{1,9}\s*$/.test(value) ? [name, String(Math.max(0, Number(value) - 1))] : [name, value],
  );
}
