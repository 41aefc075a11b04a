"""The sandbox's mailboxes handle mail as Exchange does, seen by exchangelib."""

import email
import email.policy

import exchangelib
import pytest
import requests
from exchangelib import FileAttachment, HTMLBody, Mailbox, Message

RAW = (b"From: =?utf-8?q?J=C3=BCrgen?= <j@outside.test>\r\nTo: alice@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
       b"Message-ID: <raw-1@outside.test>\r\nDate: Mon, 2 Nov 2026 09:31:00 +0100\r\nMIME-Version: 1.0\r\n"
       b"Content-Type: text/plain; charset=utf-8\r\nX-Odd:   kept   as is\r\n\r\nHallo \xc3\xbc\r\n.\r\n")


def outbox(world):
    return requests.get(f"{world.sandbox.base}/sandbox/exchange/outbox").json()


def test_mime_content_is_kept_byte_for_byte(world):
    account = world.account("alice")
    item = Message(account=account, folder=account.inbox, mime_content=RAW)
    item.save()
    found = account.inbox.get(subject="Grüße")
    assert found.mime_content == RAW
    assert found.message_id == "<raw-1@outside.test>"
    assert found.sender.email_address == "j@outside.test" and found.sender.name == "Jürgen"
    assert found.datetime_sent == exchangelib.EWSDateTime(2026, 11, 2, 8, 31, tzinfo=exchangelib.UTC)
    found.is_read = False
    found.categories = ["Blue"]
    found.save(update_fields=["is_read", "categories"])
    assert account.inbox.get(subject="Grüße").mime_content == RAW
    assert outbox(world) == []


def test_a_message_of_properties_and_attachments_reads_as_mime(world):
    account = world.account("alice")
    files = [FileAttachment(name="prices.bin", content=bytes(range(256)) * 40, content_type="application/x-prices"),
             FileAttachment(name="über.txt", content="ü".encode(), content_type="text/plain")]
    item = Message(account=account, folder=account.drafts, subject="Offer", body=HTMLBody("<p>See <b>below</b></p>"),
                   to_recipients=[Mailbox(email_address="bob@example.test")])
    item.save()
    for file in files:
        item.attach(file)
    found = account.drafts.get(subject="Offer")
    assert found.is_draft and found.has_attachments
    assert [(file.name, file.content, file.content_type) for file in found.attachments] == [
        (file.name, file.content, file.content_type) for file in files]
    parsed = email.message_from_bytes(found.mime_content, policy=email.policy.default)
    assert parsed["subject"] == "Offer" and parsed["to"].addresses[0].addr_spec == "bob@example.test"
    assert [part.get_payload(decode=True) for part in parsed.iter_attachments()] == [file.content for file in files]
    assert not any(part.defects for part in parsed.walk())
    found.attachments[0].detach()
    assert [file.name for file in account.drafts.get(subject="Offer").attachments] == ["über.txt"]


def test_a_sent_message_is_saved_delivered_and_logged(world):
    alice, bob = world.account("alice"), world.account("bob")
    item = Message(account=alice, subject="Lunch?", body="At noon", to_recipients=["bob@example.test"], cc_recipients=["x@outside.test"],
                   bcc_recipients=["carol@example.test"])
    item.send_and_save()
    sent = alice.sent.get(subject="Lunch?")
    assert not sent.is_draft and [to.email_address for to in sent.bcc_recipients] == ["carol@example.test"]
    received = bob.inbox.get(subject="Lunch?")
    assert not received.is_read and not received.is_draft and received.message_id == sent.message_id
    assert received.sender.email_address == "alice@example.test" and not received.bcc_recipients
    assert b"carol" not in received.mime_content
    assert world.account("carol").inbox.filter(subject="Lunch?").count() == 1
    assert [(entry["kind"], entry["from"], entry["to"], entry["subject"], entry["uid"]) for entry in outbox(world)] == [
        ("mail", "alice@example.test", to, "Lunch?", sent.message_id) for to in ["bob@example.test", "carol@example.test", "x@outside.test"]]
    received.subject = "A stored copy takes a new subject"
    received.save(update_fields=["subject"])
    with pytest.raises(exchangelib.errors.ErrorInvalidPropertyUpdateSentMessage):
        received.to_recipients = ["y@outside.test"]
        received.save(update_fields=["to_recipients"])


def test_a_draft_that_is_sent_leaves_the_drafts(world):
    alice = world.account("alice")
    item = Message(account=alice, folder=alice.drafts, subject="Later", body="x", to_recipients=["bob@example.test"])
    item.save()
    item.send(save_copy=True, copy_to_folder=alice.sent)
    assert alice.drafts.filter(subject="Later").count() == 0
    assert alice.sent.filter(subject="Later").count() == 1
    assert world.account("bob").inbox.filter(subject="Later").count() == 1


def test_a_read_flag_is_reported_as_such(world):
    alice = world.account("alice")
    item = Message(account=alice, folder=alice.inbox, mime_content=RAW)
    item.save()
    list(alice.inbox.sync_items())
    state = alice.inbox.item_sync_state
    item.is_read = False
    item.save(update_fields=["is_read"])
    assert [kind for kind, _ in alice.inbox.sync_items(sync_state=state)] == ["read_flag_change"]
