/** What the committer says: answers to jobs, and notices for the log. */
import { isFull } from './catalogue/catalogue';
import { errorCode, errorText } from './errors';
import type { Answer, FromCommitter, Notice } from './store/jobs';

export class Outbox {
  constructor(private readonly send: (message: FromCommitter) => void) {}

  answer(answer: Answer): void {
    this.send(answer);
  }

  notice(level: Notice['level'], event: string, facts: Notice['facts']): void {
    this.send({ notice: { level, event, facts } });
  }

  /** Does what may fail without harm to the job it belongs to; the failure is told. */
  trying(event: string, file: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.notice('error', event, { file, reason: errorText(error) });
    }
  }
}

/** The answer to a job that gave a value or failed. */
export function answerOf(id: number, value: unknown, error: unknown): Answer {
  return error === undefined ? { id, value } : { id, error: described(error) };
}

/** SQLite's reasons in the words of the system, which callers know. */
function described(error: unknown): NonNullable<Answer['error']> {
  const code = errorCode(error) ?? (error as { code?: string } | null)?.code;
  const message = (error as Error | null)?.message ?? String(error);
  if (isFull(error)) return { code: 'ENOSPC', message };
  if (code?.startsWith('SQLITE_BUSY')) return { code: 'EBUSY', message };
  if (code && /^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code)) return { code: 'EROFS', message };
  return code === undefined ? { message } : { code, message };
}
