/** Which version of Larder this is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Version of this program, as package.json has it. */
export function programVersion(): string {
  const text = readFileSync(join(__dirname, '..', '..', '..', 'package.json'), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version ?? '0');
}
