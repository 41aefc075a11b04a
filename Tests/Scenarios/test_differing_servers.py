"""Servers that differ in how they speak: the whole engine against each, judged by clients of others at the sandbox itself."""

import differing
import kinds
import pytest
import round_trip
from round_trip import goes_both_ways, is_quiet, until_well

pytestmark = pytest.mark.parametrize("world", [round_trip.SMALL], indirect=True, ids=["small"])


@pytest.mark.parametrize("manner", [
    differing.Compressed(), differing.Marked(), differing.Interim(), differing.ClosesQuietly(),
], ids=lambda manner: type(manner).__name__)
def test_another_way_over_the_wire_changes_nothing(world, behind, manner):
    server = behind(manner)
    # Where a connection ends just when a write was sent, the write is in doubt: it is not sent again, but looked up by the next run.
    goes_both_ways(world, tries=5 if isinstance(manner, differing.ClosesQuietly) else 1)
    assert server.requests
    if isinstance(manner, differing.ClosesQuietly):
        assert server.connections >= len(server.requests) and {request.turn for request in server.requests} == {0}


@pytest.mark.parametrize(("build", "versions"), [
    ("15.0.516.32", ["Exchange2013"]), ("14.3.123.4", ["Exchange2010_SP2"]), ("15.0.847.32", ["Exchange2013", "Exchange2013_SP1"]),
    ("15.1.2507.6", ["Exchange2013", "Exchange2013_SP1", "Exchange2016"]), ("15.2.986.5", ["Exchange2013", "Exchange2013_SP1", "Exchange2016"]),
])
def test_the_schema_version_is_stepped_down_once_and_kept(world, behind, build, versions):
    manner = differing.Speaks(build, versions)
    behind(manner)
    assert build in world.run("test", check=0).stdout
    steps = 0 if "Exchange2013_SP1" in versions else 1 if "Exchange2013" in versions else 2
    manner.refused = []
    world.run("sync", check=0)
    # Requests that went together may be refused together, and none after the first that was understood.
    assert len(manner.refused) == steps if steps < 2 else steps <= len(manner.refused) <= 2 * steps, manner.refused
    goes_both_ways(world)
    assert manner.too_new == []


@pytest.mark.parametrize("is_done", [True, False], ids=["carried out", "not carried out"])
def test_a_kept_connection_that_dies_under_a_write_doubles_nothing(world, behind, is_done):
    manner = differing.ClosesOnNext(is_done, {"CreateItem", "UpdateItem", "MoveItem", "CreateFolder", "PUT", "DELETE"})
    server = behind(manner)
    person = world.people()[0]
    erp, box = kinds.sides(world, "contacts", person)
    for number in range(3):
        erp.create(f"of the ERP {number}")
    for _ in range(6):
        world.run("sync")
    for number in range(3):
        box.create(f"of the mailbox {number}")
        box.change(f"of the ERP {number}", "second")
    box.delete("of the ERP 2")
    for _ in range(6):
        world.run("sync")
    assert set(manner.met) >= {"CreateItem", "UpdateItem", "PUT", "DELETE"}, manner.met
    expected = ["of the ERP 0", "of the ERP 1", "of the mailbox 0", "of the mailbox 1", "of the mailbox 2"]
    assert erp.titles("of the") == box.titles("of the") == expected
    assert erp.texts("of the ERP 0") == ["second"]
    is_quiet(world)
    assert server.requests


def test_a_kept_connection_that_dies_under_a_reading_request_is_not_noticed(world, behind):
    reading = {"GetFolder", "FindFolder", "SyncFolderItems", "GetItem", "FindItem", "GetUserConfiguration", "GET"}
    manner = differing.ClosesOnNext(False, reading)
    behind(manner)
    goes_both_ways(world)
    assert {"GetFolder", "SyncFolderItems", "GetItem", "GET"} <= set(manner.met)


def test_after_a_fault_the_connection_is_not_used_again(world, behind):
    manner = differing.AnswersTwice()
    server = behind(manner)
    for operation in ("GetFolder", "SyncFolderItems", "GetItem", "CreateItem"):
        world.control.fault("exchange", kind="serverBusy", operation=operation, milliseconds=100)
    goes_both_ways(world)
    assert len(manner.faulty) >= 4
    last = {request.connection: request.turn for request in server.requests}
    assert [(connection, turn) for connection, turn in manner.faulty if last[connection] != turn] == []


@pytest.mark.parametrize("way", differing.Spoils.WAYS)
def test_spoilt_answers_lose_and_double_nothing(world, behind, way):
    manner = differing.Spoils(way)
    behind(manner)
    person = world.people()[0]
    erp, box = kinds.sides(world, "contacts", person)
    titles = [f"of the ERP {number}" for number in range(3)]
    for title in titles:
        erp.create(title)
    until_well(world, 20)
    box.create("of the mailbox")
    box.change(titles[0], "second")
    until_well(world, 20)
    assert erp.titles("of the") == box.titles("of the") == [*titles, "of the mailbox"]
    assert erp.texts(titles[0]) == ["second"]
    assert {"GetFolder", "SyncFolderItems", "GetItem", "CreateItem", "GET", "PUT", "POST"} <= set(manner.met)
    is_quiet(world)
