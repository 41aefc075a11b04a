"""exchangelib works with tasks in the sandbox."""

import datetime
from decimal import Decimal

import exchangelib
import pytest
from exchangelib import Task
from exchangelib.errors import ErrorItemNotFound

from strangers import steps

step = steps("exchangelib", "tasks")


@pytest.fixture(scope="module")
def alice(office):
    return office.first()


def made(account, subject, **fields):
    return Task(account=account, folder=account.tasks, subject=subject, **fields).save()


def test_every_field_comes_back_as_it_was_sent(alice):
    fields = dict(
        body="Call <them> & ask", start_date=datetime.date(2026, 11, 2), due_date=datetime.date(2026, 11, 9), importance="High", categories=["ERP"],
        percent_complete=Decimal(30), status="InProgress", total_work=120, actual_work=30, mileage="3", companies=["Ærø"], billing_information="B-1", sensitivity="Private")
    with step("create a task with every field"):
        task = made(alice, "Call the bank", **fields)
        found = alice.tasks.get(id=task.id)
        assert {name: getattr(found, name) for name in fields} == fields
        assert found.subject == "Call the bank" and found.item_class == "IPM.Task" and found.is_complete is False
    with step("a reminder"):
        task.reminder_due_by = datetime.datetime(2026, 11, 2, 9, 30, tzinfo=exchangelib.UTC)
        task.reminder_is_set = True
        task.save(update_fields=["reminder_due_by", "reminder_is_set"])
        found = alice.tasks.get(id=task.id)
        assert found.reminder_is_set is True and found.reminder_due_by == task.reminder_due_by
    with step("dates are cleared"):
        found.start_date = found.due_date = None
        found.save(update_fields=["start_date", "due_date"])
        found = alice.tasks.get(id=task.id)
        assert found.start_date is None and found.due_date is None
    task.delete()


@pytest.mark.parametrize("status", ["NotStarted", "InProgress", "WaitingOnOthers", "Deferred", "Completed"])
def test_every_status_is_kept(alice, status):
    with step(f"status {status}"):
        task = made(alice, f"Task {status}", status=status)
        found = alice.tasks.get(id=task.id)
        assert found.status == status and found.is_complete is (status == "Completed")
        assert (found.complete_date is not None) is (status == "Completed") and found.percent_complete == (100 if status == "Completed" else 0)
    task.delete()


def test_completing_and_reopening(alice):
    task = made(alice, "Done", status="InProgress", percent_complete=Decimal(50))
    with step("complete"):
        task.complete()
        found = alice.tasks.get(id=task.id)
        assert (found.status, found.percent_complete, found.is_complete) == ("Completed", 100, True) and found.complete_date
    with step("reopen"):
        found.status = "NotStarted"
        found.save(update_fields=["status"])
        found = alice.tasks.get(id=task.id)
        assert (found.status, found.percent_complete, found.is_complete, found.complete_date) == ("NotStarted", 0, False, None)
    with step("delete"):
        gone = task.id
        task.delete()
        with pytest.raises((ErrorItemNotFound, exchangelib.errors.DoesNotExist)):
            alice.tasks.get(id=gone)


def test_tasks_lie_in_folders_of_tasks_only(alice):
    with step("a task is refused in a folder of contacts"):
        with pytest.raises(exchangelib.errors.EWSError):
            alice.bulk_create(alice.msg_folder_root / "Contacts", [Task(subject="Lost")])


def test_tasks_are_synchronized(alice):
    changes = list(alice.tasks.sync_items())
    state = alice.tasks.item_sync_state
    task = made(alice, "Seen")
    with step("synchronization shows a new task as a task"):
        changes = list(alice.tasks.sync_items(sync_state=state))
        assert [(change, type(item), item.subject) for change, item in changes] == [("create", Task, "Seen")]
    task.delete()
