/** The worker thread: unpacks and hashes several archives at once, each as fast as its bytes come. */
import { parentPort } from 'node:worker_threads';
import type { TreeOrder, TreeReport } from './messages';
import { errorText } from '../../errors';
import { unpackTree, type Packed } from './unpack';

/** The bytes of one archive, in the order in which they came. */
class Inbox implements Packed {
  taken = 0;
  private readonly waiting: Uint8Array[] = [];
  private isEnded = false;
  private isDropped = false;
  private wake: () => void = () => undefined;

  /** @param onTaken told how many bytes were taken out */
  constructor(private readonly onTaken: (bytes: number) => void) {}

  readonly pieces: AsyncIterator<Buffer> = {
    next: async () => {
      while (this.waiting.length === 0 && !this.isEnded && !this.isDropped) await new Promise<void>((resolve) => (this.wake = resolve));
      if (this.isDropped) throw new Error('nobody wants it any more');
      const piece = this.waiting.shift();
      if (!piece) return { done: true, value: undefined };
      this.taken += piece.length;
      this.onTaken(piece.length);
      return { value: Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength) };
    },
  };

  take(order: TreeOrder): void {
    if ('bytes' in order) this.waiting.push(order.bytes);
    else if ('isEnd' in order) this.isEnded = true;
    else this.isDropped = true;
    this.wake();
  }
}

function main(): void {
  const port = parentPort;
  if (!port) throw new Error('tree-worker runs as a worker thread only');
  const say = (report: TreeReport): void => port.postMessage(report);
  const inboxes = new Map<number, Inbox>();
  const open = (id: number): Inbox => {
    const inbox = new Inbox((taken) => say({ id, taken }));
    inboxes.set(id, inbox);
    void unpackTree(inbox)
      .then(
        (trees) => say({ id, verdict: { trees } }),
        (error: unknown) => say({ id, verdict: { broken: errorText(error) } }),
      )
      .finally(() => inboxes.delete(id));
    return inbox;
  };
  // Numbers only grow: what is said of one that is over comes too late.
  let newest = 0;
  port.on('message', (order: TreeOrder) => {
    const inbox = inboxes.get(order.id) ?? (order.id > newest ? open(order.id) : undefined);
    newest = Math.max(newest, order.id);
    inbox?.take(order);
  });
}

main();
