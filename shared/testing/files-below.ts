/** All files of a folder and of those below it, by their paths; none if there is no such folder. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** @param folder absolute path */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((found) => found.isFile())
      .map((found) => join(found.parentPath, found.name));
  } catch {
    return [];
  }
}
