/** Tables of the catalogue. Everything in it can be made again from the store (entries) or from upstream (pins). */

/** Part of the file's name: another layout is another file, built anew. */
export const CATALOGUE_VERSION = 1;

/**
 * `seen`: the last rebuild that met the row (see store/rebuild.ts). `totals` is kept by triggers, so that limits cost one
 * row a module. Bytes that two keys share are counted twice: the limits hold with something to spare.
 */
export const CATALOGUE_SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, module TEXT NOT NULL, kind TEXT NOT NULL, integrity TEXT NOT NULL,
  size INTEGER NOT NULL, last_use INTEGER NOT NULL, stored_at INTEGER NOT NULL, seen INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entries_integrity ON entries (integrity);
CREATE INDEX IF NOT EXISTS entries_use ON entries (kind = 'derived' DESC, last_use);
CREATE INDEX IF NOT EXISTS entries_module_use ON entries (module, kind = 'derived' DESC, last_use);
CREATE TABLE IF NOT EXISTS totals (module TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS entries_added AFTER INSERT ON entries BEGIN
  INSERT INTO totals VALUES (NEW.module, 1, NEW.size)
    ON CONFLICT (module) DO UPDATE SET entries = entries + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER IF NOT EXISTS entries_removed AFTER DELETE ON entries BEGIN
  UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.size WHERE module = OLD.module;
END;
CREATE TRIGGER IF NOT EXISTS entries_resized AFTER UPDATE OF size ON entries WHEN NEW.size <> OLD.size BEGIN
  UPDATE totals SET bytes = bytes + NEW.size - OLD.size WHERE module = NEW.module;
END;
CREATE TABLE IF NOT EXISTS pins (document TEXT PRIMARY KEY, revision TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO meta SELECT 'rebuild', '{"fresh":true,"phase":"index","next":0}' WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'generation');
INSERT OR IGNORE INTO meta VALUES ('generation', '1');
`;
