"""A daemon that is told of changes: what its status says of it, and when it has come to rest."""

import time

import processes

STREAMING = ("    auth: basic\n", "    auth: basic\n    notifications: streaming\n")


def lines(world):
    return [line for line in world.daemon.read("status").splitlines() if "notifications" in line]


def is_listening(world, mailboxes):
    return any(f"notifications of {mailboxes} of {mailboxes} mailboxes" in line and "on 0 of" not in line for line in lines(world))


def requests(world):
    """How many requests either server got so far; what this client sent for the numbers is not among them."""
    return len(world.control.exchange_log()) + len(world.control.erp_log())


def rest(world, seconds=1.0, patience=processes.PATIENCE):
    """Waits until neither server has got a request for a while."""
    seen, since = requests(world), time.monotonic()

    def quiet():
        nonlocal seen, since
        now = requests(world)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    processes.until(quiet, "the daemon comes to rest", seconds=patience)


def listen(world, mailboxes=3, patience=processes.PATIENCE):
    """Starts a daemon with a first sync done, and waits until it listens to all mailboxes and has come to rest."""
    world.start()
    world.daemon.sync()
    processes.until(lambda: is_listening(world, mailboxes), "listening to the mailboxes", seconds=patience)
    rest(world, patience=patience)


def seconds_until(condition, what, limit=20):
    """How long it takes until a condition holds."""
    start = time.monotonic()
    processes.until(condition, what, seconds=limit)
    return time.monotonic() - start
