/** When the first client has its answer: what nobody waits for is put off until then. */

const LOOK_MS = 20;
/** An answer may take long, or nobody may ask. */
const MOST_MS = 1000;

/** Calls `then` once: soon after nothing is under way and something was answered, after a second in any case. */
export function afterFirstAnswer(occupation: { requests: () => number; underWay: () => number }, then: () => void): void {
  const began = performance.now();
  const look = setInterval(() => {
    const isAnswered = occupation.requests() > 0 && occupation.underWay() === 0;
    if (!isAnswered && performance.now() - began < MOST_MS) return;
    clearInterval(look);
    then();
  }, LOOK_MS);
}
