/** Whose the store is: nobody else may leave files in it that its owner cannot change. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { errorCode, LarderError } from '../errors';

/**
 * Makes a folder where it is missing, and sees that this user's files may go there.
 * @throws LarderError start: with the setting, the folder and what to do
 */
export function requireOwnFolder(setting: string, folder: string): void {
  const uid = process.getuid?.();
  if (uid !== undefined && existsSync(folder) && statSync(folder).uid !== uid)
    throw new LarderError('start', {
      what: `${setting}=${folder} belongs to another user (uid ${statSync(folder).uid})`,
      remedy: `run this as that user, or choose another with ${setting}`,
    });
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new LarderError(
      'start',
      { what: `the directory ${folder} cannot be written (${errorCode(error) ?? 'unknown'})`, remedy: `set ${setting} to one that can` },
      error,
    );
  }
}
