"""The engine does as busy servers tell it: no request before a pause has ended, smaller batches after time-outs, and all is done in the end."""

import differing
import mailbox
import processes
import pytest
import round_trip

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
    # One at a time: a request that is under way already when the server asks for a pause is nobody's fault, and the log cannot tell it apart.
    world.edit(("    auth: basic\n", "    auth: basic\n    concurrency: 1\n"))
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


@pytest.mark.parametrize("world", [("--employees", "1", "--contacts", "300", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True, ids=["many"])
def test_batches_halve_on_time_outs_and_grow_again(world):
    # One at a time: batches that are under way already when the first takes too long are as large.
    world.edit(("    logging: informational", "    logging: informational\n    select_batch: 40\n    concurrency: 1"))
    world.run("sync", check=0)
    world.control.clear()
    # Twice a batch of more than 20 takes too long.
    world.control.fault("exchange", kind="timeout", operation="GetItem", limit=20, count=2)
    for suffix in ("", "-wal", "-shm"):
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)
    world.run("sync", check=0)
    sizes = [(entry["items"], entry["codes"][:1] == ["ErrorTimeoutExpired"]) for entry in world.control.exchange_log() if entry["operation"] == "GetItem"]
    late = [index for index, (_, is_late) in enumerate(sizes) if is_late]
    assert len(late) == 2 and sizes[late[0]][0] == 40, sizes
    for index in late:
        assert sizes[index + 1][0] <= (sizes[index][0] + 1) // 2, sizes
    after = [size for size, _ in sizes[late[-1] + 1:]]
    assert max(after) == 40 and after[0] <= 20, sizes
    assert sum(size for size, is_late in sizes if not is_late) == 300
    contacts = world.erp.contacts()
    assert sorted(item.erp_record_id for item in mailbox.contacts(world.first())) == sorted(contact["id"] for contact in contacts)


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_requests_at_once_than_an_account_may_make(world, limit):
    world.edit(("    auth: basic\n", f"    auth: basic\n    concurrency: {limit}\n"))
    manner = differing.Slow()
    server = differing.Server(world.sandbox.base, manner)
    try:
        round_trip.redirect(world, server)
        world.run("sync", check=0)
    finally:
        server.close()
    # All mailboxes share the account's budget; the ERP has one session, which does one thing after the other.
    assert 1 <= manner.most["exchange"] <= limit and manner.most["erp"] == 1
    complete(world)


def test_signing_out_leaves_no_session(world):
    world.erp.close()
    for _ in range(3):
        world.run("sync", check=0)
    methods = [entry["path"].rsplit("/", 1)[1] for entry in world.control.erp_log() if "/auth/" in entry["path"]]
    assert methods.count("login") >= 4 and methods.count("logout") == methods.count("login")


def test_sessions_that_kills_left_open_are_signed_out_at_the_next_start(world):
    def ours(action):
        return [entry for entry in world.control.erp_log() if entry["path"].endswith(f"/auth/{action}") and entry["status"] == 204]

    # Two seats, of which the test's own client has one: a second session left open would be one too many.
    for number in range(3):
        world.control.fault("exchange", kind="delay", operation="GetFolder", milliseconds=300, count=1000)
        world.start()
        assert world.daemon.control("sync", "all\n") == 0
        processes.until(lambda: len(ours("login")) == number + 2, "signing in", process=world.daemon.process)
        processes.until(lambda: world.store.with_name(world.store.name + ".session").exists(), "keeping the session", process=world.daemon.process)
        world.daemon.kill()
        processes.unmount(world.mount)
    world.run("sync", check=0)
    assert len(ours("logout")) == 4 and len(ours("login")) == 5
    complete(world)
