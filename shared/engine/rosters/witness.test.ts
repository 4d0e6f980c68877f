/** What is known of clients that were cut off, and for how long. */
import { testClock, type TestClock } from '../../testing/clock';
import { Witness } from './witness';

const MINUTE = 60_000;
const [HERE, THERE] = ['192.0.2.1', '192.0.2.2'];
const FOLDER = 'apt|archive.example|/dists/stable/';
const shown = (integrity: string): { roster: string; integrity: string } => ({ roster: `${FOLDER}Release`, integrity });

let clock: TestClock;
let witness: Witness;
beforeEach(() => {
  clock = testClock();
  witness = new Witness(clock.now, () => Promise.resolve([]));
});

const doubts = (client: object, address = HERE): string[] => witness.doubts(client, address, FOLDER).map(({ integrity }) => integrity);

function cutOff(integrity: string, address = HERE): void {
  const connection = {};
  witness.saw(connection, address, FOLDER, shown(integrity));
  witness.lose(connection, address);
}

test('what a client saw that was cut off is in doubt for a minute, at its address and in that folder', () => {
  cutOff('one');
  cutOff('two');
  expect(doubts({})).toEqual(['one', 'two']);
  expect(doubts({}, THERE)).toEqual([]);
  expect(witness.doubts({}, undefined, FOLDER)).toEqual([]);
  expect(witness.doubts({}, HERE, 'apt|archive.example|/dists/testing/')).toEqual([]);
  clock.advance(MINUTE - 1);
  cutOff('one');
  expect(doubts({})).toEqual(['two', 'one']);
  clock.advance(1);
  expect(doubts({})).toEqual(['one']);
  clock.advance(MINUTE);
  expect(doubts({})).toEqual([]);
});

test('of whoever saw a roster over its own connection there is no doubt, as long as that counts', () => {
  const connection = {};
  witness.saw(connection, HERE, FOLDER, shown('two'));
  cutOff('one');
  expect(doubts(connection)).toEqual([]);
  clock.advance(15 * MINUTE);
  cutOff('one');
  expect(doubts(connection)).toEqual(['one']);
});

test('a connection over which nothing was seen leaves nothing behind', () => {
  witness.lose({}, HERE);
  witness.lose(undefined, HERE);
  expect(doubts({})).toEqual([]);
});

test('only so much is remembered: of one address, and of all', () => {
  for (let n = 0; n < 20; n++) cutOff(String(n));
  expect(doubts({})).toEqual(['12', '13', '14', '15', '16', '17', '18', '19']);
  for (let n = 0; n < 1_000; n++) cutOff('other', `2001:db8::${n}`);
  expect(doubts({})).toEqual([]);
  expect(doubts({}, '2001:db8::0')).toEqual(['other']);
});
