"""Counts the steps that programs of others took against the sandbox: what they did and found as it should be."""

import collections
import contextlib

from tally import Tally


class Steps(Tally):
    """Counts over a whole run, by client and subject."""

    passed = collections.Counter()
    failed = collections.Counter()


def steps(client, subject):
    """Gives `step`: a block that is counted for a client and a subject when it passes."""

    @contextlib.contextmanager
    def step(what):
        try:
            yield
        except BaseException as error:
            Steps.failed[client, subject] += 1
            error.add_note(f"{client}: {what}")
            raise
        Steps.passed[client, subject] += 1

    return step


def lines():
    """One line a client, with the subjects in parentheses."""
    counted = sorted(Steps.passed | Steps.failed)
    for client in sorted({client for client, _ in counted}):
        subjects = [subject for name, subject in counted if name == client]
        parts = ", ".join(f"{subject} {Steps.passed[client, subject]}" for subject in subjects)
        sums = [sum(counts[client, subject] for subject in subjects) for counts in (Steps.passed, Steps.failed)]
        yield f"{client} steps passed: {sums[0]}, failed: {sums[1]} ({parts})"
