"""Large messages from both sides: each arrives whole, and few of them are held in memory at once."""

import base64
import hashlib

import pytest

from bench_first_sync import Peak, status
from concord import activities, files_of
from test_emails import messages, put_activity, put_message

COUNT, SIZE = 4, 6 << 20
pytestmark = pytest.mark.parametrize("world", [("--contacts", "3", "--tasks", "0", "--emails", "0")], indirect=True, ids=["small"])


def large(number):
    return hashlib.shake_128(str(number).encode()).digest(SIZE)


def raw_with_file(number):
    lines = base64.encodebytes(large(number)).replace(b"\n", b"\r\n")
    return (f"From: robin@other.test\r\nTo: alice@example.test\r\nSubject: Large {number}\r\nMessage-ID: <large{number}@other.test>\r\n"
            "Date: Mon, 02 Nov 2026 09:31:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=large.bin\r\n"
            "Content-Disposition: attachment; filename=large.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n").encode() + lines


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_large_messages_go_both_ways_whole_and_a_few_at_a_time(world):
    world.edit(("    auth: basic", "    attachment_limit: 20 MiB\n    update_batch: 1\n    auth: basic"))
    world.start()
    world.daemon.sync()
    # Not recorded: what is not on the wire of small messages too would take minutes to check against the schema.
    world.control.quiet()
    for number in range(COUNT):
        put_message(world, raw_with_file(number))
        put_activity(world, [("large.bin", large(COUNT + number))], Subject=f"Large {COUNT + number}")
    before = status(world.daemon.process)["RssAnon"]
    peak = Peak(world.daemon.process)
    world.daemon.sync("all emails wait")
    most = peak.stop()
    wanted = {f"Large {number}": digest(large(number)) for number in range(2 * COUNT)}
    in_erp = [(record["Subject"]["value"], digest(files_of(world, record)["large.bin"])) for record in activities(world)]
    assert dict(in_erp) == wanted and len(in_erp) == len(wanted)
    in_mailbox = [(item.subject, digest(item.attachments[0].content)) for item in messages(world)]
    assert dict(in_mailbox) == wanted and len(in_mailbox) == len(wanted)
    assert len(list((world.mount / "alice@example.test" / "ERP Mail").glob("*.eml"))) == 2 * COUNT
    # Where four go at once, as batches of small ones do, it is more than 30 times the size of one.
    assert most - before < 20 * SIZE / 2**20, f"{most:.0f} MiB of its own memory, {before:.0f} before"
