"""Counts the steps that programs of others took against the sandbox: what they did and found as it should be."""

import collections
import contextlib


class Steps:
    """Counts over a whole run."""

    passed = collections.Counter()
    failed = collections.Counter()


def steps(client):
    """Gives `step`: a block that is counted for a client when it passes."""

    @contextlib.contextmanager
    def step(what):
        try:
            yield
        except BaseException as error:
            Steps.failed[client] += 1
            error.add_note(f"{client}: {what}")
            raise
        Steps.passed[client] += 1

    return step


def lines():
    """One line a client."""
    for client in sorted(Steps.passed | Steps.failed):
        yield f"{client} steps passed: {Steps.passed[client]}, failed: {Steps.failed[client]}"
