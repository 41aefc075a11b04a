"""Being told, measured: requests and processor time of mailboxes at rest, and how long changes by exchangelib take to the mount."""

import concurrent.futures
import os
import pathlib
import sys
import tempfile
import threading
import time

import exchangelib

import conftest
import mailbox
import told
from bench_first_sync import processor

CLIENTS = 4
# Seconds that a thousand mailboxes may take to be read for the first time and once more when they are listened to.
PATIENCE = 900


def percentile(values, part):
    """The value that so many hundredths of all do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * part // 100) - 1)]


def prepare(world):
    """Contacts of their owners alone, so that a change is its mailbox's and nobody else's."""
    text = world.config.read_text()
    head, employees = text.split("policies:\n")[0], text.split("employees:\n")[1].replace(", policy: Service", "")
    policy = "policies:\n  - name: Sales\n    category: {name: ERP, color: blue}\n    contacts: {folder: ERP Contacts, filter: owner}\n"
    world.config.write_text(head.replace(*told.STREAMING) + policy + "employees:\n" + employees)


def at_rest(world, seconds):
    """Requests a minute and processor seconds a minute of the daemon while nothing happens."""
    world.control.clear()
    used, began = processor(world.daemon.process), time.monotonic()
    time.sleep(seconds)
    minutes = (time.monotonic() - began) / 60
    count = len([entry for entry in world.control.exchange_log() if entry["user"] == "concord-sync@example.test"]) + len(world.control.erp_log())
    return count / minutes, (processor(world.daemon.process) - used) / minutes


def change(world, people):
    """Creates a contact in each mailbox; gives the seconds from the answer to each to its file in the mount."""
    accounts = {person: world.account(person) for person in people}
    folders = {person: mailbox.folder(account, "ERP Contacts") for person, account in accounts.items()}
    files = {person: world.mount / f"{person}@example.test" / "ERP Contacts" / f"Told {person}.vcf" for person in people}
    told.rest(world, patience=PATIENCE)
    answered, seen = {}, {}

    def save(person):
        exchangelib.Contact(account=accounts[person], folder=folders[person], display_name=f"Told {person}", given_name="Told", surname=person).save()
        answered[person] = time.monotonic()

    def watch():
        while len(seen) < len(people) and time.monotonic() < limit:
            for person in people:
                if person not in seen and files[person].exists():
                    seen[person] = time.monotonic()
            time.sleep(0.01)

    limit = time.monotonic() + 120
    watcher = threading.Thread(target=watch)
    began = time.monotonic()
    watcher.start()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(save, people))
    made = time.monotonic() - began
    watcher.join()
    assert len(seen) == len(people), f"{len(people) - len(seen)} of {len(people)} changes are not in the mount"
    return [max(0.0, seen[person] - answered[person]) for person in people], made, max(seen.values()) - began


def run(mailboxes, changed, idle):
    """The whole campaign; gives its figures by name."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        options = ["--employees", str(mailboxes), "--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0"]
        world = conftest.World(pathlib.Path(directory), *options)
        try:
            world.control.quiet()
            prepare(world)
            began = time.monotonic()
            told.listen(world, mailboxes, PATIENCE)
            ready = time.monotonic() - began
            requests, processor = at_rest(world, idle)
            connections = [line for line in told.lines(world)]
            one, _, _ = change(world, world.people()[-1:])
            delays, made, all_in = change(world, world.people()[:changed])
            return {
                "mailboxes": mailboxes, "ready_s": ready, "idle_requests_per_minute": requests, "idle_processor_s_per_minute": processor,
                "one_change_s": one[0], "changed": changed, "made_in_s": made, "all_in_mount_s": all_in, "median_s": percentile(delays, 50),
                "p99_s": percentile(delays, 99), "status": connections[0], "load": os.getloadavg()[0],
            }
        finally:
            world.close()


if __name__ == "__main__":
    for name, value in run(*(int(word) for word in sys.argv[1:4])).items():
        print(f"{name:30} {value:.3f}" if isinstance(value, float) else f"{name:30} {value}")
