/** The rooms that deal with rosters, put together: they need each other. Only caches whose module has rosters have one. */
import type { SignatureVerifier } from '../../integrity/signature';
import { AskedNames } from './asked-names';
import type { FileDesk } from '../files/file-desk';
import { Generations } from './generations';
import type { HeldBodies } from '../bodies/held-body';
import { ListedDesk } from './listed-desk';
import { ListedPins } from './listed-pins';
import type { NegativeCache } from '../negative';
import { PinTables } from './pin-tables';
import type { EngineRooms } from '../rooms';
import { RosterDesk } from './roster-desk';
import { Witness, type AskSisters } from './witness';

export interface RosterHouse {
  readonly rosters: RosterDesk;
  readonly listed: ListedDesk;
  readonly witness: Witness;
  readonly pins: ListedPins;
}

export interface RosterOptions {
  readonly verifier: SignatureVerifier;
  readonly askSisters: AskSisters;
}

/** Also makes `files` know what indexes of rosters promise. */
export function openRosterHouse(
  rooms: EngineRooms,
  options: RosterOptions,
  files: FileDesk,
  bodies: HeldBodies,
  negative: NegativeCache,
): RosterHouse {
  const generations = new Generations(rooms, bodies);
  const asked = new AskedNames(rooms);
  const witness = new Witness(rooms.now, options.askSisters);
  const about = {
    rooms,
    generations,
    asked,
    verifier: options.verifier,
    hold: (...what: Parameters<ListedDesk['hold']>) => listed.hold(...what),
  };
  const rosters = new RosterDesk(about, negative, bodies, witness);
  const tables = new PinTables({ rooms, bodies, generations, objectOf: (generation, file) => listed.objectOf(generation, file) });
  const listed: ListedDesk = new ListedDesk({ rooms, generations, rosters, files, tables, asked, witness });
  const pins = new ListedPins({ rooms, tables, rosters, listed, asked });
  files.listedPins = pins;
  return { rosters, listed, witness, pins };
}
