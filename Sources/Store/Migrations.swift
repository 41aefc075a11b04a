internal import GRDB

/// The versions of the cache's schema, from the first on. A migration that was released is never edited.
enum Migrations {
  static func migrator() -> DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 observations, links, intents") { db in try db.execute(sql: first) }
    registerTreeMigrations(&migrator)
    registerLinkTotals(&migrator)
    registerKeptListings(&migrator)
    migrator.registerMigration("writes of runs") { db in
      try db.execute(
        sql: """
          ALTER TABLE journal ADD COLUMN side TEXT;
          ALTER TABLE journal ADD COLUMN action TEXT;
          CREATE INDEX journal_writes ON journal (run) WHERE action IS NOT NULL;
          """)
    }
    migrator.registerMigration("records as compact text") { db in
      // Records written from here on are no JSON any more: what queries ask about gets a column. Those of before stay as they are and are read.
      try db.execute(
        sql: """
          ALTER TABLE item ADD COLUMN form TEXT;
          UPDATE item SET form = json_extract(record, '$.form') WHERE kind = 'events' AND record IS NOT NULL;
          """)
    }
    migrator.registerMigration("what a listing left out is found") { db in
      // Every cycle asks, and mostly there is none.
      try db.execute(sql: "CREATE INDEX item_unlisted ON item (mailbox, kind) WHERE unlisted = 1")
    }
    migrator.registerMigration("what a write empties") { db in
      try db.execute(sql: "ALTER TABLE intent ADD COLUMN cleared TEXT NOT NULL DEFAULT ''")
    }
    return migrator
  }

  private static let first = """
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('revision', 0);
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE cursor (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entity (
      kind TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, email TEXT, record TEXT NOT NULL, revision INTEGER NOT NULL,
      deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;
    CREATE INDEX entity_revision ON entity (kind, revision);
    CREATE INDEX entity_email ON entity (kind, email) WHERE email IS NOT NULL;
    CREATE TABLE item (
      mailbox TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, change_key TEXT NOT NULL, foreign_id TEXT, email TEXT, record TEXT,
      revision INTEGER NOT NULL, presence INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0, unlisted INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (mailbox, kind, id)) STRICT, WITHOUT ROWID;
    CREATE INDEX item_revision ON item (mailbox, kind, revision);
    CREATE INDEX item_foreign ON item (mailbox, kind, foreign_id) WHERE foreign_id IS NOT NULL;
    CREATE INDEX item_email ON item (mailbox, kind, email) WHERE email IS NOT NULL;
    CREATE INDEX item_unread ON item (mailbox, kind) WHERE unread = 1;
    CREATE INDEX item_left ON item (mailbox, kind) WHERE presence = 1;
    CREATE TABLE link (
      id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, kind TEXT NOT NULL, entity_id TEXT, item_id TEXT, base_entity TEXT, base_item TEXT,
      state INTEGER NOT NULL, origin TEXT NOT NULL, uid TEXT NOT NULL, operation TEXT, move_key TEXT, synced_at INTEGER) STRICT;
    CREATE UNIQUE INDEX link_entity ON link (mailbox, kind, entity_id) WHERE entity_id IS NOT NULL;
    CREATE UNIQUE INDEX link_item ON link (mailbox, kind, item_id) WHERE item_id IS NOT NULL;
    CREATE TABLE intent (
      id TEXT PRIMARY KEY, run TEXT NOT NULL, mailbox TEXT NOT NULL, kind TEXT NOT NULL, side TEXT NOT NULL, action TEXT NOT NULL, link INTEGER,
      entity_id TEXT, item_id TEXT, payload TEXT NOT NULL, sends INTEGER NOT NULL, time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE retry (
      mailbox TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL, next_at INTEGER NOT NULL,
      set_aside INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (mailbox, kind, subject)) STRICT, WITHOUT ROWID;
    CREATE TABLE run (
      id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, kinds TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL,
      counts TEXT NOT NULL, message TEXT) STRICT, WITHOUT ROWID;
    CREATE INDEX run_mailbox ON run (mailbox, started);
    CREATE TABLE journal (
      id INTEGER PRIMARY KEY, time INTEGER NOT NULL, run TEXT NOT NULL, mailbox TEXT NOT NULL, kind TEXT NOT NULL, uid TEXT NOT NULL,
      name TEXT NOT NULL, entity_id TEXT, item_id TEXT, losers TEXT NOT NULL, rule TEXT NOT NULL, restored_at INTEGER) STRICT;
    CREATE INDEX journal_uid ON journal (uid);
    CREATE TABLE hold (
      id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL, reason TEXT NOT NULL, plan TEXT NOT NULL,
      hash TEXT NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, level TEXT NOT NULL, employee TEXT, kind TEXT, message TEXT NOT NULL) STRICT;
    CREATE INDEX log_employee ON log (employee, id) WHERE employee IS NOT NULL;
    """
}
