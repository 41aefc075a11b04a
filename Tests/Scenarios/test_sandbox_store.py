"""`concordfs sandbox --store`: what both servers hold outlives them, and their clients notice nothing."""

import exchangelib
import mailbox
import processes
import pytest
from conftest import World


class Kept(World):
    """A world whose sandbox can be started again on the same port and file."""

    def __init__(self, directory, *options):
        self.file = directory / "sandbox.db"
        super().__init__(directory, "--store", str(self.file), *options)

    def restart_sandbox(self, kill=False):
        port = self.sandbox.base.rsplit(":", 1)[1]
        for account in self.accounts.values():
            account.protocol.close()
        self.accounts = {}
        self.sandbox.kill() if kill else self.sandbox.close()
        # Other options: those of the first start count, the file's data are these.
        self.sandbox = processes.Sandbox(
            self.directory, "--store", str(self.file), "--contacts", "7", "--employees", "1", listen=f"127.0.0.1:{port}")
        self.erp.login()
        self.control.traffic(self.traffic)


@pytest.fixture
def kept(workdir):
    made = Kept(workdir)
    yield made
    made.close()


def state(world):
    """What both servers hold, with ids and versions."""
    mailboxes = {
        person: sorted((item.id, item.changekey, item.display_name or "", item.erp_record_id or "")
                       for item in mailbox.contacts(world.account(person), folder))
        for person, folder in [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]}
    return mailboxes, sorted((contact["id"], contact["LastModifiedDateTime"]["value"]) for contact in world.erp.contacts())


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_restart_of_the_sandbox_changes_nothing_and_the_next_cycle_is_quiet(kept, kill):
    kept.start()
    kept.daemon.sync()
    kept.daemon.sync()
    before = state(kept)
    assert len(before[1]) == 60
    kept.restart_sandbox(kill)
    assert state(kept) == before
    kept.control.clear()
    kept.daemon.sync()
    exchange, erp = kept.control.exchange_log(), kept.control.erp_log()
    assert {entry["operation"] for entry in exchange} <= {"GetFolder", "SyncFolderItems", "GetUserConfiguration"}
    changes = [entry for entry in exchange if entry["operation"] == "SyncFolderItems"]
    assert len(changes) >= 3
    assert {entry["items"] for entry in changes} == {0}
    assert {code for entry in changes for code in entry["codes"]} == {"NoError"}, "the sync states are still known"
    assert sum(entry["records"] for entry in erp if entry["entity"] == "Contact") == 0


def test_changes_and_deletes_made_before_a_restart_are_told_after_it(kept):
    kept.start()
    kept.daemon.sync()
    items = mailbox.contacts(kept.account("alice"))
    items[0].job_title = "Changed before"
    items[0].save(update_fields=["job_title"])
    items[1].move_to_trash()
    new = kept.erp.put(LastName="Made before")
    kept.restart_sandbox()
    kept.daemon.sync()
    contacts = kept.erp.contacts()
    assert [contact["JobTitle"].get("value") for contact in contacts].count("Changed before") == 1
    assert items[1].erp_record_id not in [contact["id"] for contact in contacts]
    assert [item.erp_record_id for item in mailbox.by_surname(kept.account("bob"), "Made before")] == [new["id"]]
    later = kept.erp.put(LastName="Made after")
    assert int(later["ContactID"]["value"]) > int(new["ContactID"]["value"]), "no number is given twice"


def test_folders_and_categories_are_kept(kept):
    account = kept.account("alice")
    folder = exchangelib.folders.Contacts(parent=account.msg_folder_root, name="Own folder")
    folder.save()
    kept.restart_sandbox()
    assert mailbox.folder(kept.account("alice"), "Own folder").id == folder.id


def test_a_file_in_use_or_of_another_program_is_refused(kept, workdir):
    second = processes.run("sandbox", "--listen", "127.0.0.1:0", "--store", str(kept.file))
    assert second.returncode == 1 and "in use by another sandbox" in second.stderr
    other = workdir / "other.db"
    other.write_text("no database at all, but long enough to look like a file of somebody else's\n" * 40)
    text = other.read_text()
    refused = processes.run("sandbox", "--listen", "127.0.0.1:0", "--store", str(other))
    assert refused.returncode == 1 and str(other) in refused.stderr
    assert other.read_text() == text
    missing = processes.run("sandbox", "--listen", "127.0.0.1:0", "--store", str(workdir / "no" / "where.db"))
    assert missing.returncode == 1 and "cannot be made" in missing.stderr
