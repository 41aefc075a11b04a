internal import GRDB

/// Numbers of linked pairs, kept as they change: `status` is read with every walk through the mount and must not count records.
func registerLinkTotals(_ migrator: inout DatabaseMigrator) {
  migrator.registerMigration("link totals") { db in
    try db.execute(
      sql: """
        CREATE TABLE link_total (
          mailbox TEXT NOT NULL, kind TEXT NOT NULL, linked INTEGER NOT NULL, PRIMARY KEY (mailbox, kind)) STRICT, WITHOUT ROWID;
        INSERT INTO link_total SELECT mailbox, kind, sum(state = 0) FROM link GROUP BY mailbox, kind;
        CREATE TRIGGER link_added AFTER INSERT ON link BEGIN
          INSERT INTO link_total VALUES (new.mailbox, new.kind, new.state = 0)
            ON CONFLICT (mailbox, kind) DO UPDATE SET linked = linked + excluded.linked; END;
        CREATE TRIGGER link_changed AFTER UPDATE OF mailbox, kind, state ON link
          WHEN old.state <> new.state OR old.mailbox <> new.mailbox OR old.kind <> new.kind BEGIN
          UPDATE link_total SET linked = linked - (old.state = 0) WHERE mailbox = old.mailbox AND kind = old.kind;
          INSERT INTO link_total VALUES (new.mailbox, new.kind, new.state = 0)
            ON CONFLICT (mailbox, kind) DO UPDATE SET linked = linked + excluded.linked; END;
        CREATE TRIGGER link_removed AFTER DELETE ON link BEGIN
          UPDATE link_total SET linked = linked - (old.state = 0) WHERE mailbox = old.mailbox AND kind = old.kind; END;
        """)
  }
}
