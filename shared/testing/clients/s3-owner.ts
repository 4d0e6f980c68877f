/** The owner of a bucket on an S3 server of this machine: signs his requests (AWS Signature Version 4, one chunk), and opens it for readers. */
import { createHash, createHmac } from 'node:crypto';
import { ask, type Got } from '../ask';

/** Who has the key of a bucket. */
export interface Owner {
  /** Asks for a path and query, signed. */
  ask(method: string, target: string, body?: Buffer | string, headers?: Readonly<Record<string, string>>): Promise<Got>;
  /** A path and query with which whoever has it may read an object for a minute. */
  signedUrl(path: string): string;
}

const REGION = 'us-east-1';

/** @param port of the server, on 127.0.0.1 */
export function ownerOf(port: number, key: string, secret: string): Owner {
  const host = `127.0.0.1:${port}`;
  const scopeOf = (day: string): string => `${day}/${REGION}/s3/aws4_request`;
  const sign = (time: string, request: string): string => {
    const day = time.slice(0, 8);
    const text = ['AWS4-HMAC-SHA256', time, scopeOf(day), sha256(request)].join('\n');
    const signing = [day, REGION, 's3', 'aws4_request'].reduce<Buffer | string>((each, part) => hmac(each, part), `AWS4${secret}`);
    return hmac(signing, text).toString('hex');
  };
  const now = (): string => new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  return {
    async ask(method, target, body = '', more = {}) {
      const time = now();
      const [path = '', query = ''] = target.split('?');
      const fields: Record<string, string> = { ...more, host, 'x-amz-content-sha256': sha256(body), 'x-amz-date': time };
      const names = Object.keys(fields).sort();
      const signed = names.join(';');
      const lines = names.map((name) => `${name}:${fields[name]}\n`).join('');
      const signature = sign(time, [method, path, sortedQuery(query), lines, signed, fields['x-amz-content-sha256']].join('\n'));
      const authorization = `AWS4-HMAC-SHA256 Credential=${key}/${scopeOf(time.slice(0, 8))}, SignedHeaders=${signed}, Signature=${signature}`;
      const length = { 'content-length': String(Buffer.byteLength(body)) };
      return ask(port, target, { method, body, headers: { ...fields, authorization, ...length } }).whole;
    },
    signedUrl(path) {
      const time = now();
      const query = sortedQuery(
        new URLSearchParams({
          'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
          'X-Amz-Credential': `${key}/${scopeOf(time.slice(0, 8))}`,
          'X-Amz-Date': time,
          'X-Amz-Expires': '60',
          'X-Amz-SignedHeaders': 'host',
        }).toString(),
      );
      const signature = sign(time, ['GET', path, query, `host:${host}\n`, 'host', 'UNSIGNED-PAYLOAD'].join('\n'));
      return `${path}?${query}&X-Amz-Signature=${signature}`;
    },
  };
}

/** Everybody may read and list a bucket. */
export function openToAll(bucket: string): string {
  const statement = (Action: string, Resource: string): object => ({
    Effect: 'Allow',
    Principal: '*',
    Action: [Action],
    Resource: [Resource],
  });
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [statement('s3:GetObject', `arn:aws:s3:::${bucket}/*`), statement('s3:ListBucket', `arn:aws:s3:::${bucket}`)],
  });
}

/** A key as a path has it. */
export function keyPath(key: string): string {
  return key.split('/').map(encoded).join('/');
}

function sortedQuery(query: string): string {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .sort()
    .join('&');
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
