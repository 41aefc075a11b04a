"""Emails travel both ways, once each, with their attachments: messages of the policy's folder are email activities in the ERP and the reverse."""

import email
import email.policy
import re
import time

import exchangelib
import pytest
import requests
from exchangelib import FileAttachment, HTMLBody, Mailbox, Message

import mailbox
from concord import activities, files_of
from mailbox import folder as folder_of

FOLDER = "ERP Mail"
pytestmark = pytest.mark.parametrize("world", [("--contacts", "4")], indirect=True, ids=["small"])


def put_activity(world, files=(), **fields):
    fields = {"MailStatus": "Processed", "Owner": "EP00000001", "From": "Robin Other <robin@other.test>", "To": "alice@example.test",
              "Body": "<p>text</p>", "Incoming": True, "StartDate": "2026-11-02T09:31:00+00:00", **fields}
    made = world.erp.put("Email", **fields)
    for name, content in files:
        answer = world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/{requests.utils.quote(name)}", data=content)
        assert answer.status_code == 204, answer.text
    return made


def raw(subject="Hello", message_id="<1@other.test>", to="alice@example.test", sender="Robin Other <robin@other.test>", text="Hi\r\n"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\nDate: Mon, 02 Nov 2026 09:31:00 +0000\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nX-Kept:  as  it  was\r\n\r\n{text}").encode()


def put_message(world, content, person="alice", folder=FOLDER, **properties):
    account = world.account(person)
    item = SentMessage(account=account, folder=folder_of(account, folder), mime_content=content, flags=1, **properties)
    item.save()
    return item


class MessageFlags(exchangelib.ExtendedProperty):
    property_tag = 0x0E07
    property_type = "Integer"


class SentMessage(Message):
    pass


class OperationId(mailbox.ErpRecordId):
    property_name = "OperationId"


Message.register("flags", MessageFlags)
Message.register("operation_id", OperationId)
SentMessage = Message


def messages(world, person="alice", folder=FOLDER, **properties):
    return [item for item in folder_of(world.account(person), folder).all()
            if all(getattr(item, name) == value for name, value in properties.items())]


def eml(world, text, person="alice", folder=FOLDER):
    directory = world.mount / f"{person}@example.test" / folder
    return [path for path in directory.glob("*.eml") if text in path.name]


def parse(path):
    content = path.read_bytes()
    assert path.stat().st_size == len(content)
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert [part.defects for part in parsed.walk() if part.defects] == []
    assert [header.defects for part in parsed.walk() for header in part.values() if header.defects] == []
    return parsed


def outbox(world):
    return requests.get(f"{world.sandbox.base}/sandbox/exchange/outbox").json()


@pytest.fixture
def mounted(world):
    world.start()
    world.daemon.sync()
    return world


def test_the_first_sync_brings_every_message_to_the_other_side_once(mounted):
    everything = activities(mounted)
    assert len(everything) == 12
    shown = []
    for person, folder in [("alice", FOLDER), ("bob", FOLDER), ("carol", "Service Mail")]:
        items = messages(mounted, person, folder)
        assert len(items) == 4, person
        files = list((mounted.mount / f"{person}@example.test" / folder).glob("*.eml"))
        assert sorted(path.read_bytes() for path in files) == sorted(item.mime_content for item in items)
        shown += [parse(path) for path in files]
        assert {item.erp_record_id for item in items} <= {record["id"] for record in everything}
        assert not any(item.is_draft for item in items)
    assert len({parsed["message-id"] for parsed in shown}) == 12
    attached = sorted(part.get_payload(decode=True) for parsed in shown for part in parsed.iter_attachments())
    assert attached and attached == sorted(content for record in everything for content in files_of(mounted, record).values())
    assert outbox(mounted) == []


def test_a_new_message_becomes_an_activity(mounted):
    content = raw(subject="Delivery =?utf-8?q?N=C3=BCrnberg?=", message_id="<new@other.test>", text="Line one & <two>\r\n")
    item = put_message(mounted, content)
    contact = mounted.erp.put(LastName="Other", Email="robin@other.test")
    mounted.daemon.sync()
    made = activities(mounted, Subject="Delivery Nürnberg")
    assert len(made) == 1
    record = made[0]
    assert record["From"]["value"] == "Robin Other <robin@other.test>" and record["To"]["value"] == "alice@example.test"
    assert record["Incoming"]["value"] is True and record["MailStatus"]["value"] == "Processed"
    assert record["Owner"]["value"] == "EP00000001" and record["StartDate"]["value"].startswith("2026-11-02T09:31:00")
    assert "Line one &amp; &lt;two&gt;" in record["Body"]["value"] and "<new@other.test>" in record["note"]["value"]
    assert record["RelatedEntityNoteID"]["value"] == contact["id"]
    found = messages(mounted, message_id="<new@other.test>")
    assert [(one.id, one.erp_record_id, one.mime_content) for one in found] == [(item.id, record["id"], content)]
    assert [path.read_bytes() for path in eml(mounted, "2026-11-02 0931 Delivery Nürnberg.eml")] == [content]
    mounted.daemon.sync()
    assert len(activities(mounted, Subject="Delivery Nürnberg")) == 1


def test_a_sent_message_becomes_an_outgoing_activity_of_its_recipient(mounted):
    contact = mounted.erp.put(LastName="Buyer", Email="buyer@other.test")
    put_message(mounted, raw(subject="Out", message_id="<out@example.test>", sender="alice@example.test", to="buyer@other.test"))
    mounted.daemon.sync()
    [record] = activities(mounted, Subject="Out")
    assert record["Incoming"]["value"] is False and record["RelatedEntityNoteID"]["value"] == contact["id"]


def test_a_new_activity_becomes_a_message(mounted):
    files = [("Zeichnung Ü.bin", bytes(range(256)) * 200), ("note.txt", b"line\nline\r\n")]
    made = put_activity(mounted, files, Subject="Anfrage", Cc="\"Lee, Ann\" <ann@other.test>; b@other.test", Body="<html><body><p>Grüße</p></body></html>")
    mounted.control.clear()
    mounted.daemon.sync()
    [item] = messages(mounted, erp_record_id=made["id"])
    assert item.subject == "Anfrage" and not item.is_draft and item.is_read
    assert [(one.name, one.email_address) for one in item.cc_recipients] == [("Lee, Ann", "ann@other.test"), ("b@other.test", "b@other.test")]
    assert [(file.name, file.content) for file in item.attachments] == files
    [path] = eml(mounted, "2026-11-02 0931 Anfrage.eml")
    assert path.read_bytes() == item.mime_content
    parsed = parse(path)
    assert parsed["from"].addresses[0].addr_spec == "robin@other.test"
    assert "Grüße" in parsed.get_body(("html",)).get_content()
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in parsed.iter_attachments()] == files
    assert outbox(mounted) == []
    assert messages(mounted, "bob", erp_record_id=made["id"]) == []


def test_only_what_was_sent_or_received_is_carried(mounted):
    cases = [("Draft", False, 0), ("Draft", True, 0), ("Pending Processing", False, 0), ("Processed", False, 1), ("Failed", False, 0),
             ("Archived", False, 1), ("Deleted", True, 0), ("Processed", True, 1)]
    made = [put_activity(mounted, Subject="Status", MailStatus=status, Incoming=incoming) for status, incoming, _ in cases]
    mounted.daemon.sync()
    for case, record in zip(cases, made):
        assert len(messages(mounted, erp_record_id=record["id"])) == case[2], case
    pending = made[2]
    mounted.erp.put("Email", NoteID=pending["id"], MailStatus="Processed")
    mounted.daemon.sync()
    assert len(messages(mounted, erp_record_id=pending["id"])) == 1


def test_an_activity_goes_to_its_owner_else_to_those_who_wrote_or_got_it(mounted):
    cases = [({"Owner": "EP00000002"}, ["bob"]), ({"Owner": None}, ["alice"]),
             ({"Owner": None, "To": "bob@example.test; ALICE@example.test"}, ["alice", "bob"]), ({"Owner": None, "To": "x@other.test"}, []),
             ({"Owner": None, "From": "Bob <bob@example.test>", "To": "x@other.test", "Incoming": False}, ["bob"])]
    made = [put_activity(mounted, Subject="Whose", **fields) for fields, _ in cases]
    mounted.daemon.sync()
    for (fields, people), record in zip(cases, made):
        assert [person for person in ["alice", "bob"] if messages(mounted, person, erp_record_id=record["id"])] == people, fields


def test_a_message_deleted_in_the_mailbox_leaves_the_activity_and_is_not_made_again(mounted):
    item = messages(mounted)[0]
    names = {path.name for path in eml(mounted, "")}
    item.move_to_trash()
    for request in ["all wait", "all full wait"]:
        mounted.daemon.sync(request)
        assert len(messages(mounted)) == 3 and len(activities(mounted)) == 12
        assert len(eml(mounted, "")) == 3 and {path.name for path in eml(mounted, "")} < names
    rebuild(mounted)
    assert len(messages(mounted)) == 3 and len(activities(mounted)) == 12


def test_a_message_moved_to_another_folder_is_left_alone_and_shown_again_when_it_returns(mounted):
    item = messages(mounted)[0]
    account = mounted.account("alice")
    moved = item.move(account.inbox)
    mounted.daemon.sync()
    assert len(eml(mounted, "")) == 3 and len(activities(mounted)) == 12 and len(messages(mounted)) == 3
    account.inbox.get(message_id=item.message_id).move(folder_of(account, FOLDER))
    mounted.daemon.sync()
    assert len(eml(mounted, "")) == 4 and len(activities(mounted)) == 12 and len(messages(mounted)) == 4


def test_an_activity_deleted_in_the_erp_leaves_the_message_and_is_not_made_again(mounted):
    item = messages(mounted)[0]
    victim = next(record for record in activities(mounted) if record["id"] == item.erp_record_id)
    mounted.erp.delete(victim, "Email")
    for request in ["all wait", "all full wait"]:
        mounted.daemon.sync(request)
        assert len(activities(mounted)) == 11 and len(messages(mounted)) == 4 and len(eml(mounted, "")) == 4
    rebuild(mounted)
    assert len(activities(mounted)) == 11 and len(messages(mounted)) == 4 and len(eml(mounted, "")) == 4


def test_equal_subjects_are_told_apart_by_their_message_ids(mounted):
    for number in range(3):
        put_message(mounted, raw(subject="Same", message_id=f"<same-{number}@other.test>", text=f"{number}\r\n"))
        put_activity(mounted, Subject="Same", Body=f"<p>{number}</p>")
    mounted.daemon.sync()
    assert len(activities(mounted, Subject="Same")) == 6 and len(messages(mounted, subject="Same")) == 6
    assert len(eml(mounted, " Same")) == 6


def test_one_message_in_two_mailboxes_is_one_activity(mounted):
    content = raw(subject="To both", message_id="<both@other.test>", to="alice@example.test, bob@example.test")
    for person in ["alice", "bob"]:
        put_message(mounted, content, person)
    for _ in range(3):
        mounted.daemon.sync()
    [record] = activities(mounted, Subject="To both")
    for person in ["alice", "bob"]:
        assert [item.erp_record_id for item in messages(mounted, person, subject="To both")] == [record["id"]]
        assert [path.read_bytes() for path in eml(mounted, "To both", person)] == [content]


def test_a_read_flag_and_categories_are_not_carried(mounted):
    item = messages(mounted)[0]
    before = {record["id"]: record["LastModifiedDateTime"]["value"] for record in activities(mounted)}
    item.is_read = not item.is_read
    item.categories = (item.categories or []) + ["Mine"]
    item.save(update_fields=["is_read", "categories"])
    mounted.daemon.sync()
    assert {record["id"]: record["LastModifiedDateTime"]["value"] for record in activities(mounted)} == before
    assert "Mine" in messages(mounted, message_id=item.message_id)[0].categories


def test_a_changed_category_re_marks_what_was_exported_and_nothing_else(mounted):
    before = {item.message_id: (item.categories, item.mime_content) for item in messages(mounted)}
    own = next(item for item in messages(mounted) if item.categories == ["ERP"])
    own.categories = ["Mine", "ERP"]
    own.save(update_fields=["categories"])
    mounted.daemon.sync()
    mounted.edit(("category: {name: ERP,", "category: {name: Hub,"))
    assert mounted.daemon.control("ctl", "reload\n") == 0
    mounted.control.clear()
    mounted.daemon.sync("alice@example.test emails wait")
    operations = [entry["operation"] for entry in mounted.control.exchange_log()]
    mounted.daemon.sync()
    after = {item.message_id: (item.categories, item.mime_content) for item in messages(mounted)}
    expected = {key: (["Hub"] if categories == ["ERP"] else categories, content) for key, (categories, content) in before.items()}
    expected[own.message_id] = (["Mine", "Hub"], before[own.message_id][1])
    assert after == expected and sum(value[0] is not None for value in after.values()) == 2
    assert "UpdateItem" in operations and "GetItem" not in operations, "no message is read again for a mark"
    assert outbox(mounted) == []


def test_a_second_message_by_the_engine_goes_and_a_users_copy_stays(mounted):
    original = next(item for item in messages(mounted) if item.operation_id)
    account = mounted.account("alice")
    # As a creation does that was taken for lost and came into being all the same: by its mark (RFC 9562, version 7) it was begun just now.
    mark = f"{int(time.time() * 1000):012x}" + original.operation_id[12:]
    put_message(mounted, original.mime_content, erp_record_id=original.erp_record_id, operation_id=mark, categories=original.categories)
    original.copy(account.inbox)
    account.inbox.get(message_id=original.message_id).copy(folder_of(account, FOLDER))
    mounted.daemon.sync()
    mounted.daemon.sync()
    found = messages(mounted, message_id=original.message_id)
    assert sorted(item.operation_id for item in found) == [original.operation_id] * 2
    assert [item.operation_id for item in account.trash.all()] == [mark]
    assert len(eml(mounted, "")) == 4 and len(activities(mounted)) == 12


def test_private_messages_and_drafts_are_left_alone(mounted):
    put_message(mounted, raw(subject="Secret", message_id="<private@other.test>"), sensitivity="Private")
    draft = Message(account=mounted.account("alice"), folder=folder_of(mounted.account("alice"), FOLDER), subject="Not done", body="x",
                    to_recipients=["x@other.test"])
    draft.save()
    mounted.daemon.sync()
    assert len(activities(mounted)) == 12
    assert eml(mounted, "Secret") == eml(mounted, "Not done") == []


def rebuild(world):
    world.daemon.close()
    for suffix in ["", "-wal", "-shm"]:
        (world.directory / f"cache.db{suffix}").unlink(missing_ok=True)
    world.start()
    world.daemon.sync()


def test_a_lost_cache_is_rebuilt_without_a_duplicate_or_a_write(mounted):
    put_message(mounted, raw(message_id="<before@other.test>"))
    mounted.daemon.sync()
    before = {path: path.read_bytes() for path in sorted(mounted.mount.glob("*@*/*Mail/*.eml"))}
    mounted.control.clear()
    rebuild(mounted)
    assert [entry["operation"] for entry in mounted.control.exchange_log() if entry["operation"] in ("CreateItem", "UpdateItem", "MoveItem")] == []
    assert [entry for entry in mounted.control.erp_log() if entry["method"] in ("PUT", "DELETE")] == []
    assert {path: path.read_bytes() for path in sorted(mounted.mount.glob("*@*/*Mail/*.eml"))} == before
    assert len(activities(mounted)) == 13


def test_a_quiet_cycle_moves_no_attachment_byte(mounted):
    put_activity(mounted, [("large.bin", bytes(3_000_000))], Subject="Large")
    mounted.daemon.sync()
    mounted.daemon.sync()
    mounted.control.clear()
    mounted.daemon.sync()
    mounted.daemon.sync("all full wait")
    exchange, erp = mounted.control.exchange_log(), mounted.control.erp_log()
    assert [entry["operation"] for entry in exchange if entry["operation"] in ("GetItem", "GetAttachment", "CreateItem", "UpdateItem")] == []
    assert [entry for entry in erp if "/files/" in entry["path"] or entry["method"] in ("PUT", "DELETE")] == []
    moved = sum(entry["bytesIn"] + entry["bytesOut"] for entry in exchange) + sum(entry["bytes"] + entry["bytesIn"] for entry in erp)
    assert 0 < moved < 400_000, moved


def test_an_attachment_over_the_limit_is_left_out_and_named(world):
    world.edit(("    auth: basic", "    attachment_limit: 100 KiB\n    auth: basic"))
    world.start()
    world.daemon.sync()
    large, small = bytes(100 * 1024 + 1), bytes(100 * 1024)
    put_activity(world, [("Groß & lang.bin", large), ("exact.bin", small)], Subject="From the ERP", Body="<html><body><p>text</p></body></html>")
    item = Message(account=world.account("alice"), folder=folder_of(world.account("alice"), FOLDER), subject="From the mailbox",
                   body=HTMLBody("<html><body><p>text</p></body></html>"), flags=1, to_recipients=["x@other.test"],
                   attachments=[FileAttachment(name="Groß & lang.bin", content=large), FileAttachment(name="exact.bin", content=small)])
    item.save()
    world.daemon.sync()
    [message] = messages(world, subject="From the ERP")
    assert [(file.name, len(file.content)) for file in message.attachments] == [("exact.bin", len(small))]
    text = parse(eml(world, "From the ERP")[0]).get_body(("html",)).get_content()
    assert re.search(r"Attachment left out: &quot;Groß &amp; lang.bin&quot;, larger than 100 KiB.*</p></body>", text)
    [record] = activities(world, Subject="From the mailbox")
    assert {name: len(content) for name, content in files_of(world, record).items()} == {"exact.bin": len(small)}
    assert re.search(r"Attachment left out: &quot;Groß &amp; lang.bin&quot;, larger than 100 KiB.*</p></body>", record["Body"]["value"])
    assert len(parse(eml(world, "From the mailbox")[0]).as_bytes()) > len(large), "the message itself is whole"
    log = [line for line in world.daemon.read("log").splitlines() if "attachment_limit" in line]
    assert len(log) == 2 and all("Groß & lang.bin" in line for line in log)


def test_without_attachments_none_travels(world):
    world.edit(("attachments: true, create_contacts: true", "attachments: false, create_contacts: true"))
    world.start()
    world.daemon.sync()
    for item in messages(world):
        record = next(record for record in activities(world) if record["id"] == item.erp_record_id)
        came_from_the_erp = item.message_id.endswith("concordfs.invalid>")
        assert not (item.attachments if came_from_the_erp else record["files"])


def test_unknown_addresses_become_contacts_once_each(mounted):
    before = len(mounted.erp.contacts())
    known = mounted.erp.put(FirstName="Known", LastName="Person", Email="Known@other.test")
    for number in range(2):
        put_message(mounted, raw(subject=f"Strangers {number}", message_id=f"<strangers-{number}@other.test>", sender="\"Öz, Ayşe\" <ayse@other.test>",
                                 to="AYSE@other.test, Bob <bob@example.test>, alice@example.test, known@other.test, plain@other.test"))
    put_message(mounted, raw(subject="Strangers 2", message_id="<strangers-2@other.test>", sender="ayse@other.test"), "bob")
    put_activity(mounted, Subject="From the ERP", To="plain@other.test; fresh@other.test")
    for _ in range(3):
        mounted.daemon.sync()
    made = [contact for contact in mounted.erp.contacts() if (contact["Email"].get("value") or "").lower().endswith("@other.test")]
    assert sorted((contact["Email"]["value"].lower(), contact["FirstName"].get("value"), contact["LastName"]["value"]) for contact in made) == [
        ("ayse@other.test", "Ayşe", "Öz"), ("fresh@other.test", None, "fresh"), ("known@other.test", "Known", "Person"),
        ("plain@other.test", None, "plain"), ("robin@other.test", "Robin", "Other")]
    assert len(mounted.erp.contacts()) == before + 5
    assert next(contact for contact in made if contact["LastName"]["value"] == "Öz")["ContactClass"]["value"] == "CUSTOMER"
    ayse = next(contact for contact in made if contact["LastName"]["value"] == "Öz")
    assert {record["RelatedEntityNoteID"]["value"] for record in activities(mounted) if record["Subject"]["value"].startswith("Strangers")} == {ayse["id"]}
    assert known["id"] != ayse["id"]


def test_without_create_contacts_none_is_made(mounted):
    before = len(mounted.erp.contacts())
    put_message(mounted, raw(message_id="<carol@other.test>", sender="nobody@other.test", to="carol@example.test"), "carol", "Service Mail")
    mounted.daemon.sync()
    assert len(mounted.erp.contacts()) == before
    assert [record["RelatedEntityNoteID"].get("value") for record in activities(mounted, Subject="Hello")] == [None]


def test_the_policys_folder_is_created_when_missing(world):
    world.edit(("{folder: ERP Mail,", "{folder: Customer letters,"))
    world.start()
    world.daemon.sync()
    assert len(messages(world, folder="Customer letters")) == 2
    assert len(eml(world, "", folder="Customer letters")) == 2
