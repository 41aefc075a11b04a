"""Counts of a whole run, also when several processes share its files: pytest-xdist's workers send theirs when they end."""

import collections


class Tally:
    """Base of classes whose attributes count over a run: numbers, sets, lists and Counters, which add up."""

    classes = []

    def __init_subclass__(cls):
        Tally.classes.append(cls)

    @classmethod
    def counts(cls):
        return {name: value for name, value in vars(cls).items() if isinstance(value, (int, set, list, collections.Counter))}


def packed():
    """All counts as plain values that travel between processes."""
    return {tally.__module__: {name: dict(value) if isinstance(value, dict) else value for name, value in tally.counts().items()}
            for tally in Tally.classes}


def add(counts):
    """Takes another process's counts to ours."""
    for tally in Tally.classes:
        for name, more in counts[tally.__module__].items():
            ours = getattr(tally, name)
            if isinstance(ours, set):
                ours |= more
            elif isinstance(ours, dict):
                ours.update(more)
            else:
                setattr(tally, name, ours + more)
