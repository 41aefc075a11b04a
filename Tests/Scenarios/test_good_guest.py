"""The engine does as busy servers tell it: no request before a pause has ended, smaller batches after time-outs, and all is done in the end."""

import pytest

import mailbox

ERP_CONTACTS = 60


def complete(world):
    """Every employee has every contact of the ERP, once."""
    contacts = world.erp.contacts()
    for name in world.people()[:2]:
        found = mailbox.contacts(world.account(name))
        assert sorted(item.erp_record_id for item in found) == sorted(contact["id"] for contact in contacts)


def pauses(log):
    """The refusals in a log, and the requests that came too early."""
    refused = [entry for entry in log if "ErrorServerBusy" in entry.get("codes", []) or "429" in entry.get("codes", []) or entry.get("status") == 429]
    return refused, [entry for entry in log if entry["isEarly"]]


@pytest.mark.parametrize("fault", [
    dict(kind="serverBusy", milliseconds=1200), dict(kind="tooManyRequests", milliseconds=1200), dict(kind="tooManyRequests", milliseconds=1200, asDate=True),
], ids=["BackOffMilliseconds", "Retry-After in seconds", "Retry-After as a date"])
def test_no_request_to_exchange_before_its_pause_has_ended(world, fault):
    world.control.fault("exchange", operation="GetFolder", **fault)
    world.control.fault("exchange", operation="CreateItem", count=2, **fault)
    world.control.fault("exchange", operation="SyncFolderItems", count=1, **fault)
    world.run("sync", check=0)
    refused, early = pauses(world.control.exchange_log())
    assert len(refused) == 4 and early == []
    complete(world)


@pytest.mark.parametrize("fault", [dict(milliseconds=1500), dict(milliseconds=1500, asDate=True)], ids=["seconds", "date"])
def test_no_request_to_the_erp_before_its_pause_has_ended(world, fault):
    world.control.fault("erp", kind="throttle", method="GET", count=3, **fault)
    world.run("sync", check=0)
    refused, early = pauses(world.control.erp_log())
    assert len(refused) == 3 and early == []
    complete(world)


def test_a_pause_that_is_too_long_to_wait_for_ends_the_run_with_a_word(world):
    world.control.fault("exchange", kind="serverBusy", milliseconds=3_600_000)
    result = world.run("sync")
    assert result.returncode == 75, result.stderr
    assert "pause" in result.stderr or "slow down" in result.stderr or "busy" in result.stderr, result.stderr
    _, early = pauses(world.control.exchange_log())
    assert early == []


def test_batches_halve_on_time_outs_and_grow_again(world):
    world.run("sync", check=0)
    world.control.clear()
    # Every batch of more than 20 takes too long, for a while.
    world.control.fault("exchange", kind="timeout", operation="GetItem", limit=20, count=4)
    world.store.unlink()
    world.run("sync", check=0)
    sizes = [(entry["items"], entry["codes"][:1] == ["ErrorTimeoutExpired"]) for entry in world.control.exchange_log() if entry["operation"] == "GetItem"]
    late = [size for size, is_late in sizes if is_late]
    assert late and late[0] > 20
    first = next(index for index, (_, is_late) in enumerate(sizes) if is_late)
    assert sizes[first + 1][0] <= (late[0] + 1) // 2, sizes
    complete(world)


def test_signing_out_leaves_no_session(world):
    world.erp.close()
    for _ in range(3):
        world.run("sync", check=0)
    methods = [entry["path"].rsplit("/", 1)[1] for entry in world.control.erp_log() if "/auth/" in entry["path"]]
    assert methods.count("login") >= 4 and methods.count("logout") == methods.count("login")
