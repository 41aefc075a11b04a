"""exchangelib works with contacts in the sandbox as with any Exchange server."""

import datetime

import exchangelib
import pytest
from exchangelib import Contact, DistributionList
from exchangelib.indexed_properties import EmailAddress, PhoneNumber, PhysicalAddress
from exchangelib.errors import ErrorItemNotFound
from exchangelib.items import HARD_DELETE

from strangers import steps

step, extended = steps("exchangelib", "contacts"), steps("exchangelib", "extended properties")


@pytest.fixture(scope="module")
def alice(office):
    return office.first()


def full_contact(account):
    return Contact(
        account=account, folder=account.contacts, given_name="Zoë", middle_name="M.", surname="Östergård-Núñez", generation="Jr.", display_name="Zoë M. Östergård-Núñez",
        nickname="Zo", initials="Z.Ö.", company_name="Ærø & Søn <ApS>", job_title="Überprüferin", department="R&D", manager="Björk",
        assistant_name="Łukasz", office="B 2.41", profession="Engineer", spouse_name="Åke", business_homepage="https://example.test/?a=1&b=2",
        birthday=datetime.date(1980, 2, 29), wedding_anniversary=datetime.date(2010, 12, 31), file_as="Östergård-Núñez, Zoë",
        body="Line one\nLine two é", categories=["Green", "Ünïcode"], sensitivity="Personal", importance="High",
        email_addresses=[EmailAddress(label=f"EmailAddress{n}", email=f"zoe{n}@example.test") for n in (1, 2, 3)],
        phone_numbers=[
            PhoneNumber(label=label, phone_number=f"+45 {n}") for n, label in enumerate(
                ["BusinessPhone", "BusinessPhone2", "MobilePhone", "HomePhone", "BusinessFax", "Pager", "CarPhone", "Callback", "Telex"])],
        physical_addresses=[
            PhysicalAddress(label="Business", street="Vej 1\n2. sal", city="Ærøskøbing", state="Fyn", country="Danmark", zipcode="5970"),
            PhysicalAddress(label="Home", city="Odense"), PhysicalAddress(label="Other", country="Sverige")],
        postal_address_index="Business", companies=["One", "Two"], children=["Ada", "Bo"], mileage="12 km")


def test_every_field_comes_back_as_it_was_sent(alice):
    contact = full_contact(alice)
    with step("create a contact with every field"):
        contact.save()
        assert contact.id and contact.changekey
    with step("read it back"):
        found = alice.contacts.get(id=contact.id)
        for name in ("given_name", "middle_name", "surname", "generation", "nickname", "initials", "company_name", "job_title", "department",
                     "manager", "assistant_name", "office", "profession", "spouse_name", "business_homepage", "birthday",
                     "wedding_anniversary", "file_as", "categories", "sensitivity", "importance", "postal_address_index", "companies",
                     "children", "mileage"):
            assert getattr(found, name) == getattr(contact, name), name
        assert {(a.label, a.email) for a in found.email_addresses} == {(a.label, a.email) for a in contact.email_addresses}
        assert {(p.label, p.phone_number) for p in found.phone_numbers if p.phone_number} == {
            (p.label, p.phone_number) for p in contact.phone_numbers}
        assert {a.label: (a.street, a.city, a.state, a.country, a.zipcode) for a in found.physical_addresses if any(
            (a.street, a.city, a.state, a.country, a.zipcode))} == {
                a.label: (a.street, a.city, a.state, a.country, a.zipcode) for a in contact.physical_addresses}
        assert found.body == contact.body
    with step("what the server fills in is there"):
        assert found.display_name == "Zoë M. Östergård-Núñez" and found.item_class == "IPM.Contact"
        assert found.datetime_created and found.last_modified_time and found.has_attachments is False
        assert found.parent_folder_id.id == alice.contacts.id
        assert found.complete_name.last_name == "Östergård-Núñez" and found.complete_name.first_name == "Zoë"
    contact.delete()


def test_fields_change_one_by_one_and_clear(alice):
    contact = full_contact(alice).save()
    key = contact.changekey
    with step("change one field"):
        contact.job_title = "Chef"
        contact.save(update_fields=["job_title"])
        assert contact.changekey != key
        found = alice.contacts.get(id=contact.id)
        assert found.job_title == "Chef" and found.department == "R&D"
    with step("clear fields"):
        found.nickname = found.birthday = found.categories = found.manager = None
        found.save()
        found = alice.contacts.get(id=contact.id)
        assert (found.nickname, found.birthday, found.categories, found.manager) == (None, None, None, None)
    with step("change and clear entries of dictionaries"):
        found.email_addresses = [EmailAddress(label="EmailAddress2", email="only@example.test")]
        found.physical_addresses = [PhysicalAddress(label="Business", city="Marstal")]
        found.phone_numbers = [PhoneNumber(label="MobilePhone", phone_number="+45 99")]
        found.save()
        found = alice.contacts.get(id=contact.id)
        assert [(a.label, a.email) for a in found.email_addresses if a.email] == [("EmailAddress2", "only@example.test")]
        assert [(a.label, a.street, a.city) for a in found.physical_addresses if a.city or a.street] == [("Business", None, "Marstal")]
        assert [(p.label, p.phone_number) for p in found.phone_numbers if p.phone_number] == [("MobilePhone", "+45 99")]
    with step("refresh sees another's change"):
        other = alice.contacts.get(id=contact.id)
        other.job_title = "Elsewhere"
        other.save(update_fields=["job_title"])
        found.refresh()
        assert found.job_title == "Elsewhere" and found.changekey == other.changekey
    with step("delete"):
        found.delete()
        with pytest.raises((ErrorItemNotFound, exchangelib.errors.DoesNotExist)):
            alice.contacts.get(id=contact.id)


def test_bulk_calls_answer_each_item(alice):
    items = [Contact(folder=alice.contacts, display_name=f"Bulk {n}", given_name=f"Bulk {n}", surname="Test", job_title=f"{n:03}") for n in range(120)]
    with step("bulk create"):
        ids = alice.bulk_create(alice.contacts, items)
        assert len(ids) == 120 and len({made.id for made in ids}) == 120
    with step("fetch keeps the order"):
        found = list(alice.fetch([(made.id, made.changekey) for made in ids]))
        assert [item.job_title for item in found] == [f"{n:03}" for n in range(120)]
    with step("bulk update"):
        for item in found:
            item.department = "Bulk"
        changed = alice.bulk_update([(item, ["department"]) for item in found])
        assert len(changed) == 120 and all(was.changekey != now[1] for was, now in zip(found, changed))
        assert alice.contacts.filter(department="Bulk").count() == 120
    with step("one missing item fails alone"):
        found[3].delete()
        answers = list(alice.fetch(ids[:6]))
        assert isinstance(answers[3], ErrorItemNotFound) and [a.job_title for n, a in enumerate(answers) if n != 3] == ["000", "001", "002", "004", "005"]
    with step("bulk delete"):
        answers = alice.bulk_delete(ids, delete_type=HARD_DELETE)
        assert [answer is True for answer in answers].count(True) == 119 and isinstance(answers[3], ErrorItemNotFound)
        assert alice.contacts.filter(department="Bulk").count() == 0


def test_items_move_copy_and_go_to_the_trash(alice):
    target = exchangelib.folders.Contacts(parent=alice.contacts, name="Moved here").save()
    contact = Contact(account=alice, folder=alice.contacts, display_name="Mover Test", given_name="Mover", surname="Test").save()
    first = contact.id
    with step("copy"):
        copied = contact.copy(target)
        assert copied[0] != first and alice.contacts.filter(given_name="Mover").count() == 1 and target.filter(given_name="Mover").count() == 1
    with step("move gives a new id"):
        contact.move(target)
        assert contact.id != first and contact.folder == target
        assert alice.contacts.filter(given_name="Mover").count() == 0 and target.filter(given_name="Mover").count() == 2
        with pytest.raises((ErrorItemNotFound, exchangelib.errors.DoesNotExist)):
            alice.contacts.get(id=first)
    with step("move to the trash"):
        contact.move_to_trash()
        assert alice.trash.filter(given_name="Mover").count() == 1 and target.filter(given_name="Mover").count() == 1
    with step("soft delete"):
        target.get(given_name="Mover").soft_delete()
        assert target.all().count() == 0
    target.delete()


def test_distribution_lists_lie_beside_contacts(alice):
    with step("create a distribution list"):
        listed = DistributionList(
            account=alice, folder=alice.contacts, display_name="Friends",
            members=[exchangelib.properties.Member(mailbox=exchangelib.Mailbox(email_address="a@example.test"), status="Normal")]).save()
        found = alice.contacts.get(id=listed.id)
        assert found.display_name == "Friends" and [m.mailbox.email_address for m in found.members] == ["a@example.test"]
    listed.delete()


class Tagged(exchangelib.ExtendedProperty):
    property_tag = 0x3A45
    property_type = "String"


class Numbered(exchangelib.ExtendedProperty):
    distinguished_property_set_id = "Address"
    property_id = 0x8080
    property_type = "String"


class Counted(exchangelib.ExtendedProperty):
    property_set_id = "c11ff724-aa03-4555-9952-8fa248a11c3e"
    property_name = "Counted"
    property_type = "Integer"


class Flagged(exchangelib.ExtendedProperty):
    property_set_id = "c11ff724-aa03-4555-9952-8fa248a11c3e"
    property_name = "Flagged"
    property_type = "Boolean"


class Many(exchangelib.ExtendedProperty):
    distinguished_property_set_id = "PublicStrings"
    property_name = "Many things"
    property_type = "StringArray"


class Bytes(exchangelib.ExtendedProperty):
    property_set_id = "c11ff724-aa03-4555-9952-8fa248a11c3e"
    property_name = "Bytes"
    property_type = "Binary"


@pytest.fixture
def registered():
    kinds = {"tagged": Tagged, "numbered": Numbered, "counted": Counted, "flagged": Flagged, "many": Many, "raw_bytes": Bytes}
    for name, kind in kinds.items():
        Contact.register(name, kind)
    yield kinds
    for name in kinds:
        Contact.deregister(name)


def test_extended_properties_of_each_form_and_type(alice, registered):
    values = dict(tagged="Dr.", numbered="Shown", counted=4711, flagged=True, many=["a", "b", "ü"], raw_bytes=b"\x00\xff\x10")
    with extended("set extended properties by tag, by set and id, by set and name"):
        contact = Contact(account=alice, folder=alice.contacts, display_name="Extended Test", given_name="Extended", surname="Test", **values).save()
        found = alice.contacts.get(id=contact.id)
        assert {name: getattr(found, name) for name in values} == values
    with extended("find by an extended property"):
        assert [item.id for item in alice.contacts.filter(counted=4711)] == [contact.id]
        assert [item.id for item in alice.contacts.filter(counted__gt=4000)] == [contact.id]
        assert [item.id for item in alice.contacts.filter(tagged__exists=True)] == [contact.id]
    with extended("change one, clear one"):
        found.counted, found.tagged = 5, None
        found.save(update_fields=["counted", "tagged"])
        found = alice.contacts.get(id=contact.id)
        assert (found.counted, found.tagged, found.flagged, found.many) == (5, None, True, ["a", "b", "ü"])
    with extended("a copy has them too"):
        copied = contact.copy(alice.contacts)
        assert alice.contacts.get(id=copied[0]).counted == 5
    alice.contacts.filter(given_name="Extended").delete()
