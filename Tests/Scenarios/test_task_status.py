"""The table of task statuses in semantics.md, row by row, in both directions; and what a status without counterpart does to a pair."""

import pathlib
import tempfile

import conftest
import kinds
import pytest

# ERP's status, Exchange's; and the ERP's after that status was set in the mailbox.
ROWS = [
    ("Open", "NotStarted"), ("In Process", "InProgress"), ("Approved", "InProgress"), ("Pending Approval", "WaitingOnOthers"),
    ("Completed", "Completed"), ("Canceled", "Completed"),
]
BACK = [("NotStarted", "Open"), ("InProgress", "In Process"), ("WaitingOnOthers", "Pending Approval"), ("Completed", "Completed")]
WITHOUT_COUNTERPART = ["Draft", "Rejected"]


class Board:
    """Alice's tasks on both sides; what a test wants done before the next round is done for all tests at once."""

    def __init__(self, world):
        self.world = world
        self.erp, self.mailbox = kinds.sides(world, "tasks", "alice")

    def task(self, title):
        return self.erp.kind.in_erp(self.world, title)[0]

    def new(self, title, status):
        self.world.erp.put("Task", Summary=title, Owner=self.world.ids["alice"], Status=status)

    def erp_status(self, title):
        return [task["Status"]["value"] for task in self.erp.kind.in_erp(self.world, title)]

    def set_erp(self, title, **fields):
        self.world.erp.put("Task", NoteID=self.task(title)["id"], **fields)

    def statuses(self, title):
        return [item.status for item in self.mailbox.find(title)]

    def set_mailbox(self, title, **fields):
        item = self.mailbox.find(title)[0]
        for name, value in fields.items():
            setattr(item, name, value)
        item.save(update_fields=list(fields))

    def sync(self):
        self.world.run("sync", check=0)


@pytest.fixture(scope="module")
def board():
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        world = conftest.World(pathlib.Path(directory), "--contacts", "0", "--tasks", "0")
        world.policies({"alice": "tasks: {folder: T}"})
        board = Board(world)
        try:
            board.sync()
            for status, _ in ROWS:
                board.new(f"new {status}", status)
                board.new(f"moved {status}", "Open")
                board.new(f"echo {status}", status)
            for status, _ in BACK:
                board.new(f"back {status}", "In Process" if status == "NotStarted" else "Open")
                board.mailbox.kind.item(
                    world.account("alice"), conftest.mailbox.folder(world.account("alice"), "T"), f"own {status}", "text").save()
                board.set_mailbox(f"own {status}", status=status)
            for status in WITHOUT_COUNTERPART:
                board.new(f"unseen {status}", status)
                board.new(f"frozen {status}", "Open")
                board.new(f"deleted beside {status}", "Open")
            board.new("frozen Deferred", "Open")
            board.new("deleted beside Deferred", "Open")
            board.mailbox.create("unseen Deferred")
            board.set_mailbox("unseen Deferred", status="Deferred")
            board.sync()
            for status, _ in ROWS:
                board.set_erp(f"moved {status}", Status=status)
                board.set_mailbox(f"echo {status}", importance="High")
            for status, _ in BACK:
                board.set_mailbox(f"back {status}", status=status)
            for status in WITHOUT_COUNTERPART:
                board.set_erp(f"frozen {status}", Status=status, Body="written in the ERP")
                board.set_mailbox(f"frozen {status}", importance="High")
                board.set_erp(f"deleted beside {status}", Status=status)
                board.mailbox.delete(f"deleted beside {status}")
            board.set_mailbox("frozen Deferred", status="Deferred", importance="High")
            board.set_erp("frozen Deferred", Body="written in the ERP")
            board.set_mailbox("deleted beside Deferred", status="Deferred")
            board.erp.delete("deleted beside Deferred")
            board.sync()
            yield board
        finally:
            world.close()


@pytest.mark.parametrize(("erp", "exchange"), ROWS)
def test_a_new_task_of_the_erp_has_the_status_in_the_mailbox(board, erp, exchange):
    assert board.statuses(f"new {erp}") == [exchange]
    assert board.erp_status(f"new {erp}") == [erp], "its own echo changes nothing"


@pytest.mark.parametrize(("erp", "exchange"), ROWS)
def test_a_task_that_moves_in_the_erp_moves_in_the_mailbox(board, erp, exchange):
    assert board.statuses(f"moved {erp}") == [exchange]
    assert board.erp_status(f"moved {erp}") == [erp]


@pytest.mark.parametrize(("erp", "exchange"), ROWS)
def test_the_finer_status_stays_while_that_of_the_item_is_untouched(board, erp, exchange):
    assert board.erp_status(f"echo {erp}") == [erp]
    assert board.task(f"echo {erp}")["Priority"]["value"] == "High", "another change of the item did arrive"


@pytest.mark.parametrize(("exchange", "erp"), BACK)
def test_a_task_that_moves_in_the_mailbox_moves_in_the_erp(board, exchange, erp):
    assert board.erp_status(f"back {exchange}") == [erp]


@pytest.mark.parametrize(("exchange", "erp"), BACK)
def test_a_new_task_of_the_mailbox_has_the_status_in_the_erp(board, exchange, erp):
    assert board.erp_status(f"own {exchange}") == [erp]


def test_completing_sets_percentage_and_day_on_both_sides(board):
    item = board.mailbox.find("moved Completed")[0]
    assert (int(item.percent_complete), item.complete_date is not None, item.is_complete) == (100, True, True)
    task = board.task("back Completed")
    assert task["CompletionPercentage"]["value"] == 100 and task["CompletedAt"]["value"]


@pytest.mark.parametrize("status", WITHOUT_COUNTERPART)
def test_a_task_of_the_erp_without_counterpart_is_not_exported(board, status):
    assert board.mailbox.find(f"unseen {status}") == []


def test_a_deferred_task_is_not_imported(board):
    assert board.erp_status("unseen Deferred") == [] and board.statuses("unseen Deferred") == ["Deferred"]


@pytest.mark.parametrize("status", WITHOUT_COUNTERPART)
def test_a_linked_task_that_loses_its_counterpart_in_the_erp_is_left_on_both_sides(board, status):
    item = board.mailbox.find(f"frozen {status}")[0]
    assert (item.status, item.importance, item.body) == ("NotStarted", "High", None)
    task = board.task(f"frozen {status}")
    assert (task["Status"]["value"], task["Priority"]["value"]) == (status, "Normal")


def test_a_linked_task_that_is_deferred_is_left_on_both_sides(board):
    item = board.mailbox.find("frozen Deferred")[0]
    assert (item.status, item.importance, item.body) == ("Deferred", "High", None)
    task = board.task("frozen Deferred")
    assert (task["Status"]["value"], task["Priority"]["value"]) == ("Open", "Normal")


def test_a_delete_beside_a_status_without_counterpart_is_not_carried(board):
    for status in WITHOUT_COUNTERPART:
        assert board.erp_status(f"deleted beside {status}") == [status]
    assert board.statuses("deleted beside Deferred") == ["Deferred"]


def test_what_happened_meanwhile_is_carried_once_the_status_moves_back(board):
    for status in WITHOUT_COUNTERPART:
        board.set_erp(f"frozen {status}", Status="In Process")
    board.set_mailbox("frozen Deferred", status="InProgress")
    board.sync()
    for status in [*WITHOUT_COUNTERPART, "Deferred"]:
        item, task = board.mailbox.find(f"frozen {status}")[0], board.task(f"frozen {status}")
        assert (item.status, item.importance, str(item.body)) == ("InProgress", "High", "written in the ERP"), status
        assert (task["Status"]["value"], task["Priority"]["value"]) == ("In Process", "High"), status


def test_a_cycle_after_all_that_writes_nothing(board):
    board.sync()
    board.world.control.clear()
    board.sync()
    assert board.world.control.writes() == []
