/** A command as make gives it to cli/main.ts, in this process. */
import { run, type Invocation } from '../cli/main';

/** What a command said, its lines put together, and how it ended. */
export interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** @param invocation but for what is printed */
export async function runCommand(invocation: Omit<Invocation, 'out' | 'err'>): Promise<Said> {
  const [out, err]: [string[], string[]] = [[], []];
  const status = await run({ ...invocation, out: (line) => out.push(line), err: (line) => err.push(line) });
  return { status, out: out.join('\n'), err: err.join('\n') };
}
