"""A cycle in which nothing changed costs the servers next to nothing."""

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
