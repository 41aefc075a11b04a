"""A cycle in which nothing changed costs the servers next to nothing."""

import mailbox

WRITES = {"CreateItem", "UpdateItem", "DeleteItem", "MoveItem", "CreateFolder", "UpdateFolder", "UpdateUserConfiguration",
          "CreateUserConfiguration"}


def test_a_cycle_without_changes_writes_nothing_and_fetches_no_record(mounted):
    mounted.daemon.sync()  # lists once what the first one wrote
    mounted.control.clear()
    mounted.daemon.sync()
    exchange, erp = mounted.control.exchange_log(), mounted.control.erp_log()
    assert exchange and erp, "the logs would be empty if nobody had asked"
    assert [entry["operation"] for entry in exchange if entry["operation"] in WRITES] == []
    assert [entry for entry in exchange if entry["operation"] == "GetItem"] == []
    assert [entry["method"] for entry in erp if entry["method"] in ("PUT", "DELETE")] == []
    assert sum(entry["records"] for entry in erp if entry["entity"] != "Employee") == 0


def test_the_own_writes_are_listed_once_and_then_no_more(mounted):
    mounted.daemon.sync()
    mounted.control.clear()
    mounted.daemon.sync()
    listings = [entry["items"] for entry in mounted.control.exchange_log() if entry["operation"] == "SyncFolderItems"]
    assert listings == [0] * 12, "four record types of three people"


def test_no_message_is_read_again_after_it_was_written(mounted):
    mounted.control.clear()
    mounted.daemon.sync("all emails wait")
    exchange = mounted.control.exchange_log()
    assert "SyncFolderItems" in {entry["operation"] for entry in exchange}, "the folders were asked for what changed"
    assert [entry for entry in exchange if entry["operation"] == "GetItem"] == []
    assert [entry for entry in mounted.control.erp_log() if "/files/" in entry["path"]] == []


def test_the_logs_would_show_a_write(mounted):
    contact = mounted.erp.contacts(top=1)[0]
    mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Seen in the log")
    mounted.control.clear()
    mounted.daemon.sync()
    assert len([entry for entry in mounted.control.exchange_log() if entry["operation"] == "UpdateItem"]) == 3


def test_what_the_erp_tells_is_read_once_for_all_employees(mounted):
    mounted.control.clear()
    mounted.daemon.sync()
    lists = [entry for entry in mounted.control.erp_log() if entry["entity"] == "Contact" and entry["method"] == "GET"]
    assert len(lists) == len({(entry["path"], entry["query"]) for entry in lists}), lists


def attachments(world):
    """Attachments of the mailboxes' emails, and files of the ERP's: what a cycle could move."""
    held = [len(item.attachments) for person in world.people() for name in ("ERP Mail", "Service Mail")
            for item in mailbox.folder_or_nothing(world.account(person), name)]
    answer = world.erp.session.get(f"{world.erp.root}/Email", params={"$expand": "files"})
    answer.raise_for_status()
    return sum(held), sum(len(record["files"]) for record in answer.json())


def test_a_quiet_cycle_over_three_employees_and_four_types_moves_no_attachment_byte(mounted):
    mounted.daemon.sync()
    in_mailboxes, in_erp = attachments(mounted)
    assert in_mailboxes > 0 and in_erp > 0, "there is something that could be moved"
    mounted.control.clear()
    mounted.daemon.sync("all wait")
    exchange, erp = mounted.control.exchange_log(), mounted.control.erp_log()
    listed = [entry for entry in exchange if entry["operation"] == "SyncFolderItems"]
    assert len({entry["mailbox"] for entry in listed}) == 3 and len(listed) == 12, "3 employees x 4 types were looked at"
    assert {entry["entity"] for entry in erp} >= {"Contact", "Task", "Event", "Email"}
    assert mounted.control.writes() == []
    moving = {"GetItem", "GetAttachment", "CreateAttachment", "DeleteAttachment", "ExportItems", "UploadItems"}
    assert [entry["operation"] for entry in exchange if entry["operation"] in moving] == []
    assert [entry["path"] for entry in erp if "/files" in entry["path"] or "files" in entry["query"]] == []
    assert all(entry["items"] == 0 for entry in listed)
    print(f"quiet cycle: {len(exchange)} EWS and {len(erp)} ERP requests, {in_mailboxes} + {in_erp} attachments, none moved")


def test_the_log_would_show_a_moved_attachment(mounted):
    made = mounted.erp.put(
        "Email", Subject="With a file", MailStatus="Processed", Owner="EP00000001", From="robin@other.test", To="alice@example.test", Body="x",
        StartDate="2026-11-02T09:31:00+00:00", Incoming=True)
    mounted.erp.session.put(f"{mounted.erp.root}/Email/{made['id']}/files/a.bin", data=b"bytes").raise_for_status()
    mounted.control.clear()
    mounted.daemon.sync()
    assert [entry["path"] for entry in mounted.control.erp_log() if "/files/" in entry["path"]] != []
