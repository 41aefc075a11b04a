"""exchangelib works with messages and attachments in the sandbox: drafts, sending, answers, forwarding, content, files, items within items."""

import datetime
import email
import email.policy

import exchangelib
import pytest
from exchangelib import Contact, FileAttachment, HTMLBody, ItemAttachment, Mailbox, Message
from exchangelib.errors import ErrorItemNotFound, EWSError

from strangers import steps

step, attached = steps("exchangelib", "messages"), steps("exchangelib", "attachments")


@pytest.fixture(scope="module")
def alice(office):
    return office.first()


@pytest.fixture(scope="module")
def bob(office):
    return office.first(1)


def draft(account, subject, to=("bob@example.test",), **fields):
    return Message(account=account, folder=account.drafts, subject=subject, to_recipients=[Mailbox(email_address=address) for address in to], **fields).save()


def found(folder, subject):
    return list(folder.filter(subject=subject))


def test_a_draft_has_every_field(alice):
    fields = dict(importance="High", sensitivity="Confidential", categories=["ERP", "Ü"], is_read_receipt_requested=True, is_delivery_receipt_requested=True,
                  is_response_requested=True, message_id="<own-1@example.test>", references="<a@b.test> <c@d.test>")
    with step("create a draft with every field"):
        item = draft(alice, "Draft ü", body=HTMLBody("<p>Hello &amp; <b>welcome</b></p>"), cc_recipients=["carol@example.test"],
                     bcc_recipients=["x@outside.test"], reply_to=["answers@example.test"], **fields)
        read = alice.drafts.get(id=item.id)
        assert {name: getattr(read, name) for name in fields} == fields
        assert [[person.email_address for person in getattr(read, name)] for name in ("to_recipients", "cc_recipients", "bcc_recipients", "reply_to")] == [
            ["bob@example.test"], ["carol@example.test"], ["x@outside.test"], ["answers@example.test"]]
        assert isinstance(read.body, HTMLBody) and "<b>welcome</b>" in read.body and read.is_draft and read.is_read is not None
    with step("the body as text"):
        assert read.text_body.strip() == "Hello & welcome"
    with step("the content as a message of the internet"):
        parsed = email.message_from_bytes(read.mime_content, policy=email.policy.default)
        assert parsed["subject"] == "Draft ü" and parsed["message-id"] == "<own-1@example.test>" and parsed["to"].addresses[0].addr_spec == "bob@example.test"
    with step("change a draft"):
        read.subject, read.body, read.to_recipients = "Draft two", "Plain", ["carol@example.test"]
        read.save(update_fields=["subject", "body", "to_recipients"])
        again = alice.drafts.get(id=item.id)
        assert (again.subject, str(again.body), [person.email_address for person in again.to_recipients]) == ("Draft two", "Plain", ["carol@example.test"])
    with step("delete a draft"):
        again.delete()
        with pytest.raises((ErrorItemNotFound, exchangelib.errors.DoesNotExist)):
            alice.drafts.get(id=item.id)


def test_sending_answering_and_forwarding(alice, bob, office):
    with step("send and keep a copy"):
        Message(account=alice, subject="Offer", body="Two for one", to_recipients=["bob@example.test"]).send_and_save()
        sent, = found(alice.sent, "Offer")
        received, = found(bob.inbox, "Offer")
        assert received.message_id == sent.message_id and not sent.is_draft and not received.is_draft
        assert received.sender.email_address == "alice@example.test" and not received.is_read
    with step("mark as read, and find what is unread"):
        assert received.id in [item.id for item in bob.inbox.filter(is_read=False)]
        received.is_read = True
        received.save(update_fields=["is_read"])
        assert received.id not in [item.id for item in bob.inbox.filter(is_read=False)]
    with step("reply"):
        received.reply(subject="Re: Offer", body="Yes")
        answer, = found(alice.inbox, "Re: Offer")
        assert answer.sender.email_address == "bob@example.test" and "Yes" in answer.text_body
    with step("reply to all"):
        received.reply_all(subject="Re: Offer, all", body="Yes, all")
        assert len(found(alice.inbox, "Re: Offer, all")) == 1
    with step("forward"):
        received.forward(subject="Fwd: Offer", body="See below", to_recipients=["carol@example.test"])
        assert len(found(office.account("carol").inbox, "Fwd: Offer")) == 1
    with step("a reply as a draft"):
        made = received.create_reply(subject="Re: Offer, later", body="Later").save(bob.drafts)
        assert bob.drafts.get(id=made.id).is_draft and not found(alice.inbox, "Re: Offer, later")
    with step("send a draft without a copy"):
        item = draft(alice, "No copy", body="x")
        item.send(save_copy=False)
        assert not found(alice.sent, "No copy") and not found(alice.drafts, "No copy") and len(found(bob.inbox, "No copy")) == 1
    with step("a message without recipients is not sent"):
        with pytest.raises((EWSError, ValueError)):
            Message(account=alice, subject="To nobody", body="x").send()
    with step("move between folders"):
        received, = found(bob.inbox, "No copy")
        received.move(bob.junk)
        assert not found(bob.inbox, "No copy") and len(found(bob.junk, "No copy")) == 1


def test_messages_are_found(alice):
    items = [draft(alice, f"Find {number}", body=f"Body {'needle' if number == 2 else 'straw'}", importance="Low" if number else "High") for number in range(4)]
    with step("find by subject, sender's and body's words"):
        assert {item.subject for item in alice.drafts.filter(subject__startswith="Find")} == {f"Find {number}" for number in range(4)}
        assert [item.subject for item in alice.drafts.filter(body__contains="needle")] == ["Find 2"]
        assert [item.subject for item in alice.drafts.filter(importance="High", subject__contains="Find")] == ["Find 0"]
    with step("in the order of arrival"):
        found = alice.drafts.filter(subject__startswith="Find").order_by("-datetime_created").only("subject", "datetime_created")
        times = [item.datetime_created for item in found]
        assert times == sorted(times, reverse=True) and len(times) == 4
    for item in items:
        item.delete()


BYTES = bytes(range(256)) * 300


def test_files_at_items(alice):
    with attached("files are made with a new item"):
        item = Message(account=alice, folder=alice.drafts, subject="With files", body="x")
        item.attach(FileAttachment(name="Angebot ü.pdf", content=BYTES, content_type="application/pdf"))
        item.attach(FileAttachment(name="empty.txt", content=b"", content_type="text/plain"))
        item.save()
        read = alice.drafts.get(id=item.id)
        assert [(file.name, file.content_type, file.content) for file in read.attachments] == [("Angebot ü.pdf", "application/pdf", BYTES), ("empty.txt", "text/plain", b"")]
        assert read.has_attachments and read.attachments[0].size >= len(BYTES)
    with attached("a file is added to an item that is there"):
        key = read.changekey
        read.attach(FileAttachment(name="later.bin", content=b"\x00\x01", is_inline=False))
        assert [file.name for file in alice.drafts.get(id=item.id).attachments] == ["Angebot ü.pdf", "empty.txt", "later.bin"]
        assert alice.drafts.get(id=item.id).changekey != key
    with attached("a file is read in pieces"):
        with read.attachments[0].fp as stream:
            assert b"".join(iter(lambda: stream.read(1000), b"")) == BYTES
    with attached("a picture within the text"):
        read.attach(FileAttachment(name="logo.png", content=b"\x89PNG", is_inline=True, content_id="logo@example.test"))
        logo = next(file for file in alice.drafts.get(id=item.id).attachments if file.name == "logo.png")
        assert logo.is_inline and logo.content_id == "logo@example.test" and logo.content == b"\x89PNG"
    with attached("a file is taken away"):
        read = alice.drafts.get(id=item.id)
        read.detach(read.attachments[1])
        assert [file.name for file in alice.drafts.get(id=item.id).attachments] == ["Angebot ü.pdf", "later.bin", "logo.png"]
    with attached("a file that was taken away is not found"):
        gone = alice.drafts.get(id=item.id).attachments[1]
        attachment = gone.attachment_id
        read = alice.drafts.get(id=item.id)
        read.detach(read.attachments[1])
        with pytest.raises(EWSError):
            FileAttachment(parent_item=read, attachment_id=attachment).content
    with attached("a copy has the files too"):
        copied = alice.drafts.get(id=item.id).copy(alice.junk)
        assert alice.junk.get(id=copied[0]).attachments[0].content == BYTES
    item.delete()


def test_files_at_other_kinds_of_items(alice):
    start = exchangelib.EWSDateTime(2027, 3, 1, 10, tzinfo=exchangelib.UTC)
    kinds = [
        (Contact, alice.contacts, dict(display_name="With a file")), (exchangelib.Task, alice.tasks, dict(subject="With a file")),
        (exchangelib.CalendarItem, alice.calendar, dict(subject="With a file", start=start, end=start + datetime.timedelta(hours=1)))]
    for kind, folder, fields in kinds:
        with attached(f"a file at a {kind.__name__}"):
            item = kind(account=alice, folder=folder, **fields).save()
            item.attach(FileAttachment(name="a.txt", content=b"text"))
            read = folder.get(id=item.id)
            assert read.has_attachments and [(file.name, file.content) for file in read.attachments] == [("a.txt", b"text")]
            item.delete()


def test_items_within_items(alice):
    item = draft(alice, "Outer")
    inner = Message(account=alice, folder=alice.drafts, subject="Inner", body="Inside", to_recipients=["x@outside.test"])
    with attached("a message within a message"):
        item.attach(ItemAttachment(name="Inner", item=inner))
        read = alice.drafts.get(id=item.id)
        assert [(type(entry).__name__, entry.name) for entry in read.attachments] == [("ItemAttachment", "Inner")]
        assert (read.attachments[0].item.subject, str(read.attachments[0].item.body)) == ("Inner", "Inside")
    item.delete()


def test_a_large_file(alice):
    item = draft(alice, "Large")
    content = bytes(range(256)) * (12_000_000 // 256)
    with attached("a file of twelve million bytes"):
        item.attach(FileAttachment(name="large.bin", content=content))
        assert alice.drafts.get(id=item.id).attachments[0].content == content
    item.delete()
