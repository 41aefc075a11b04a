"""exchangelib finds items of the sandbox by restrictions, in orders, over pages, and synchronizes a folder's items."""

import datetime

import exchangelib
import pytest
from exchangelib import Contact, Q
from exchangelib.errors import ErrorInvalidSyncStateData, ErrorIrresolvableConflict
from exchangelib.folders import Contacts
from exchangelib.indexed_properties import EmailAddress
from exchangelib.services import UpdateItem

from strangers import steps

paged, step, synchronized, bad, stale = (
    steps("exchangelib", subject) for subject in ("paging", "find with restrictions", "sync of items", "bad sync states", "stale change keys"))
COUNT = 1130


@pytest.fixture(scope="module")
def alice(office):
    return office.first(1)


@pytest.fixture(scope="module")
def people(alice):
    """A folder of 1,130 contacts: more than any page."""
    folder = Contacts(parent=alice.msg_folder_root, name="People").save()
    cities = ["Aarhus", "Berlin", "Córdoba", "Delft"]
    items = [
        Contact(
            folder=folder, display_name=f"Person {n:04}", given_name=f"Given{n % 10}", surname=f"Family {n:04}", job_title="Chief" if n % 7 == 0 else None,
            company_name=cities[n % 4], categories=["Odd"] if n % 2 else ["Even", f"C{n % 3}"], importance="High" if n % 5 == 0 else "Normal",
            birthday=datetime.date(1950 + n % 50, 1 + n % 12, 1 + n % 28), email_addresses=[EmailAddress(label="EmailAddress1", email=f"p{n}@example.test")])
        for n in range(COUNT)]
    alice.bulk_create(folder, items, chunk_size=200)
    return folder


def numbers(items):
    return sorted(int(item.display_name.split()[1]) for item in items)


def expect(condition):
    return [n for n in range(COUNT) if condition(n)]


def test_pages_over_a_thousand_items(people):
    with paged("read all over pages"):
        query = people.all().only("display_name")
        query.page_size = 100
        assert numbers(query) == list(range(COUNT))
    with paged("pages above the server's limit"):
        query = people.all().only("display_name")
        query.page_size = 5000
        assert numbers(query) == list(range(COUNT))
    with paged("count"):
        assert people.all().count() == COUNT
    with paged("a slice"):
        assert len(list(people.all().order_by("display_name").only("display_name")[1000:1100])) == 100
        assert [item.display_name for item in people.all().order_by("display_name").only("display_name")[1128:1140]] == ["Person 1128", "Person 1129"]


SEARCHES = {
    "equal": (Q(company_name="Berlin"), lambda n: n % 4 == 1),
    "not equal": (~Q(company_name="Berlin"), lambda n: n % 4 != 1),
    "and": (Q(company_name="Berlin") & Q(given_name="Given1"), lambda n: n % 4 == 1 and n % 10 == 1),
    "or": (Q(company_name="Berlin") | Q(company_name="Delft"), lambda n: n % 4 in (1, 3)),
    "or within and, and not": ((Q(company_name="Berlin") | Q(given_name="Given2")) & ~Q(surname="Family 0001"),
                               lambda n: (n % 4 == 1 or n % 10 == 2) and n != 1),
    "greater": (Q(surname__gt="Family 1100"), lambda n: n > 1100),
    "range": (Q(surname__range=("Family 0100", "Family 0120")), lambda n: 100 <= n <= 120),
    "in": (Q(surname__in=["Family 0003", "Family 0005", "nobody"]), lambda n: n in (3, 5)),
    "contains": (Q(surname__contains="111"), lambda n: "111" in f"{n:04}"),
    "contains, ignoring case": (Q(surname__icontains="FAMILY 002"), lambda n: f"{n:04}".startswith("002")),
    "starts with": (Q(surname__startswith="Family 00"), lambda n: n < 100),
    "starts with, ignoring case": (Q(surname__istartswith="family 00"), lambda n: n < 100),
    "equal, ignoring case": (Q(surname__iexact="FAMILY 0777"), lambda n: n == 777),
    "exists": (Q(job_title__exists=True), lambda n: n % 7 == 0),
    "does not exist": (Q(job_title__exists=False), lambda n: n % 7 != 0),
    "category": (Q(categories__contains=["C1"]), lambda n: n % 2 == 0 and n % 3 == 1),
    "importance": (Q(importance="High"), lambda n: n % 5 == 0),
    "date": (Q(birthday__lt=datetime.date(1951, 1, 1)), lambda n: n % 50 == 0),
    "item class": (Q(item_class="IPM.Contact"), lambda n: True),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_restrictions(people, name):
    query, condition = SEARCHES[name]
    with step(f"find: {name}"):
        assert numbers(people.filter(query).only("display_name")) == expect(condition)


def test_address_entries_are_searched(people):
    with step("find by an entry of a dictionary"):
        assert numbers(people.filter(email_addresses__EmailAddress1="p77@example.test").only("display_name")) == [77]
    with step("find by time of change"):
        future = datetime.datetime.now(tz=exchangelib.UTC) + datetime.timedelta(hours=1)
        assert people.filter(last_modified_time__gt=future).count() == 0 and people.filter(last_modified_time__lt=future).count() == COUNT


def test_orders(people):
    with step("ascending"):
        assert [item.display_name for item in people.filter(company_name="Delft").order_by("display_name").only("display_name")[:3]] == [
            "Person 0003", "Person 0007", "Person 0011"]
    with step("descending"):
        assert [item.display_name for item in people.filter(company_name="Delft").order_by("-display_name").only("display_name")[:2]] == [
            "Person 1127", "Person 1123"]
    with step("by two fields"):
        found = [(item.company_name, item.surname) for item in people.all().order_by("-company_name", "surname").only("company_name", "surname")]
        assert found == sorted(sorted(found, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True) and len(found) == COUNT


def test_a_folder_is_synchronized_item_by_item(alice):
    folder = Contacts(parent=alice.msg_folder_root, name="Synchronized").save()
    made = alice.bulk_create(folder, [Contact(folder=folder, display_name=f"S {n:03}", given_name=str(n)) for n in range(230)])
    with synchronized("first synchronization over pages"):
        changes = list(folder.sync_items(only_fields=["display_name"]))
        assert sorted(item.display_name for change, item in changes if change == "create") == [f"S {n:03}" for n in range(230)] and len(changes) == 230
        state = folder.item_sync_state
    with synchronized("nothing new"):
        assert list(folder.sync_items(sync_state=state)) == []
        state = folder.item_sync_state
    item = folder.get(given_name="7")
    item.given_name = "seven"
    item.save(update_fields=["given_name"])
    folder.get(given_name="8").delete()
    new = Contact(account=alice, folder=folder, display_name="New", given_name="New").save()
    moved = folder.get(given_name="9")
    was = moved.id
    moved.move(alice.contacts)
    with synchronized("an update, a delete, a create, a move"):
        changes = list(folder.sync_items(sync_state=state, only_fields=["given_name"]))
        found = {(change, item.id) for change, item in changes}
        assert found == {("update", item.id), ("delete", made[8].id), ("create", new.id), ("delete", was)} and len(changes) == 4
        state = folder.item_sync_state
    with synchronized("ignored items are left out"):
        item.given_name = "eight"
        item.save(update_fields=["given_name"])
        assert list(folder.sync_items(sync_state=state, ignore=[(item.id, None)])) == []
    with bad("a damaged sync state is refused"):
        with pytest.raises(ErrorInvalidSyncStateData):
            list(folder.sync_items(sync_state="bm8gc3RhdGU="))
    with bad("a sync state of another folder is refused"):
        with pytest.raises(ErrorInvalidSyncStateData):
            list(alice.contacts.sync_items(sync_state=state))
    moved.delete()
    folder.delete()


def test_stale_change_keys_are_refused(alice):
    contact = Contact(account=alice, folder=alice.contacts, display_name="Stale", given_name="Stale").save()
    old = (contact.id, contact.changekey)
    contact.job_title = "First"
    contact.save(update_fields=["job_title"])

    def update(key, resolution, value):
        copy = alice.contacts.get(id=contact.id)
        copy.changekey, copy.job_title = key, value
        return list(UpdateItem(account=alice).call(
            items=[(copy, ["job_title"])], conflict_resolution=resolution, message_disposition="SaveOnly",
            send_meeting_invitations_or_cancellations="SendToNone", suppress_read_receipts=True))[0]

    with stale("NeverOverwrite refuses a stale change key"):
        with pytest.raises(ErrorIrresolvableConflict):
            update(old[1], "NeverOverwrite", "Lost")
        assert alice.contacts.get(id=contact.id).job_title == "First"
    with stale("AlwaysOverwrite takes it"):
        update(old[1], "AlwaysOverwrite", "Second")
        assert alice.contacts.get(id=contact.id).job_title == "Second"
    contact.refresh()
    with stale("NeverOverwrite takes the right one"):
        update(contact.changekey, "NeverOverwrite", "Third")
        assert alice.contacts.get(id=contact.id).job_title == "Third"
    contact.delete()
