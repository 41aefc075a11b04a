"""Hostile subjects, addresses, names and MIME: nothing is injected, nothing is lost, nothing stops the others."""

import base64
import unicodedata

import pytest

from test_emails import FOLDER, activities, eml, files_of, messages, outbox, parse, put_activity, put_message

pytestmark = pytest.mark.parametrize("world", [("--contacts", "3", "--tasks", "0", "--emails", "0")], indirect=True, ids=["empty"])

SUBJECTS = ["x\r\nBcc: evil@evil.test", "x\nBcc: evil@evil.test", "x\rBcc: evil@evil.test", "a" * 998, "ü" * 998, "\u202egnp.exe", "שלום עולם",
            "=?utf-8?q?Bcc=3A_evil?=", "../../etc/passwd", ".hidden", "tab\tand\u2028separator", "👩‍🔬 " * 60, "-rf *", "%s%n", "\"quoted\" <tag>", " "]
PEOPLE = ["x\r\nBcc: evil@evil.test <a@b.test>", "\"x\nBcc: evil@evil.test\" <a@b.test>", "a@b.test\r\nBcc: evil@evil.test", "jürgen@b.test",
          "ann@münchen.test", "nonsense", "<>; ,;", "\"Lee, Ann; Bob\" <a@b.test>", "very long name " * 20 + "<a@b.test>", "a@b.test" + ", c@d.test" * 300]


def test_nothing_that_the_erp_holds_becomes_a_header_of_its_own(world):
    world.start()
    for number, subject in enumerate(SUBJECTS):
        put_activity(world, [("a\u202eb.txt", b"x"), ("ü" * 100 + ".bin", b"y")], Subject=subject, Body=f"<p>{number}</p>")
    for people in PEOPLE:
        put_activity(world, Subject="People", To=people[:3000], From=people[:500], Cc=people[:3000])
    world.daemon.sync()
    assert world.daemon.read("errors").strip() == ""
    items = messages(world)
    assert len(items) == len(SUBJECTS) + len(PEOPLE)
    assert len(eml(world, "")) == len(items)
    for path in eml(world, ""):
        parsed = parse(path)
        assert parsed["bcc"] is None and "evil@evil.test" not in [to.addr_spec for to in (parsed["to"].addresses if parsed["to"] else ())]
        assert all(len(line) <= 998 for line in path.read_bytes().split(b"\r\n"))
        assert b"\n" not in path.read_bytes().replace(b"\r\n", b"") and b"\r" not in path.read_bytes().replace(b"\r\n", b"")
        assert not any(unicodedata.category(character).startswith("C") and character != "\u200d" for character in path.name), path.name
        assert len(path.name.encode()) <= 255
    assert outbox(world) == []
    world.control.clear()
    world.daemon.sync("all full wait")
    assert [entry for entry in world.control.exchange_log() if entry["operation"] in ("CreateItem", "UpdateItem", "GetItem")] == []


def part(name, content=b"content", kind="application/octet-stream", disposition="attachment"):
    return (b"--b\r\nContent-Type: " + kind.encode() + b"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: "
            + disposition.encode() + b"; filename=\"" + name + b"\"\r\n\r\n" + base64.encodebytes(content) + b"\r\n")


def mixed(number, *parts, head=b""):
    return (b"From: a@other.test\r\nTo: alice@example.test\r\nSubject: hostile %d\r\nMessage-ID: <hostile-%d@other.test>\r\n" % (number, number)
            + head + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(parts) + b"--b--\r\n")


RAW = [
    b"Subject: no sender, no date, no id\r\n\r\nx",
    b"\r\n\r\nno header at all",
    b"From: \xff\xfe raw <a@other.test>\r\nSubject: \xe4\xf6\xfc latin\r\nMessage-ID: <raw@other.test>\r\n\r\n\xe4\xf6\xfc\r\n",
    b"From: a@other.test\r\nSubject: =?utf-8?q?x=0D=0ABcc:_evil=40evil.test?=\r\nMessage-ID: <encoded@other.test>\r\nDate: nonsense\r\n\r\nx",
    b"From: a@other.test\r\nSubject: unclosed\r\nMessage-ID: <unclosed@other.test>\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n\r\ntext",
    b"From: a@other.test\r\nSubject: " + b"long " * 400 + b"\r\nMessage-ID: <" + b"l" * 700 + b"@other.test>\r\n\r\n" + b"y" * 5000,
    b"From: a@other.test\nSubject: bare line feeds\nMessage-ID: <lf@other.test>\n\nnul \x00 and \x1b escape\n",
    b"From: a@other.test, b@other.test\r\nSender: c@other.test\r\nTo: undisclosed-recipients:;\r\nSubject: group\r\nMessage-ID: <group@other.test>\r\n\r\nx",
]
PARTS = [
    [part(b"../../etc/passwd"), part(b"..\\..\\boot.ini"), part(b"a:b|c?<d>.txt"), part(b"")],
    [part(b"same.txt", b"1"), part(b"SAME.txt", b"2"), part(b"same.txt", b"3")],
    [part(b"n" * 400 + b".pdf"), part(b"empty.bin", b""), part("übergröße.txt".encode(), b"\xe4")],
    [b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in/ner\r\n\r\ninside\r\n", part(b"x\r\nBcc: evil@evil.test")],
    [b"--b\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script><p>kept as it is</p>\r\n", part(b"logo.png", b"\x89PNG", "image/png", "inline")],
]


def test_whatever_comes_by_mail_reaches_the_erp_and_the_mount_as_it_is(world):
    world.start()
    world.daemon.sync()
    contents = RAW + [mixed(number, *parts) for number, parts in enumerate(PARTS)]
    for content in contents:
        put_message(world, content)
    world.daemon.sync()
    assert world.daemon.read("errors").strip() == ""
    assert sorted(path.read_bytes() for path in eml(world, "")) == sorted(contents)
    made = activities(world)
    assert len(made) == len(contents)
    for record in made:
        for name in ("Subject", "From", "To", "Cc", "Bcc"):
            assert "\n" not in (record[name].get("value") or "") and "\r" not in (record[name].get("value") or "")
        assert "evil@evil.test" not in (record["Bcc"].get("value") or "") + (record["To"].get("value") or "")
    attached = {number: files_of(world, record) for record in made for number in range(len(PARTS)) if record["Subject"].get("value") == f"hostile {number}"}
    assert {number: len(files) for number, files in attached.items()} == {0: 4, 1: 3, 2: 3, 3: 2, 4: 1}
    assert set(attached[1].values()) == {b"1", b"2", b"3"}
    assert not any(set(name) & set("<>:|?*\\/\"\r\n") for files in attached.values() for name in files)
    assert b"" in attached[2].values() and b"\xe4" in attached[2].values()
    assert b"\x89PNG" in attached[4].values()
    assert outbox(world) == []
    world.control.clear()
    world.daemon.sync("all full wait")
    assert [entry for entry in world.control.erp_log() if entry["method"] == "PUT"] == []
    assert [entry for entry in world.control.exchange_log() if entry["operation"] in ("CreateItem", "UpdateItem", "GetItem")] == []


def test_a_message_that_exchange_cannot_give_stops_no_other(world):
    world.start()
    world.daemon.sync()
    for number in range(3):
        put_message(world, mixed(number, part(b"a.bin", bytes(1000))))
    world.control.fault("exchange", kind="unavailable", operation="GetItem", count=1)
    world.daemon.control("sync", "all wait\n")
    world.daemon.sync("all full wait")
    assert len(activities(world)) == 3 and len(eml(world, "hostile")) == 3
