"""What users and administrators do before a cycle that is killed, and what must be true in the end: one case an action.

A case's records are known by its number: so one world serves every boundary of a case."""

import datetime
import re

import exchangelib
import kinds
import mailbox
from concord import activities, check, check_emails
from test_emails import put_activity
from test_emails_crash import FILES, put_message_with_files

GUESTS = ["bob@example.test", "guest@outside.test"]


class Case:
    """A thing that happens, in a world where one or two people synchronize one type. `number` tells the boundary that is killed at."""

    kind = "contacts"
    people = ["alice"]
    sections = {"contacts": "contacts: {folder: C, filter: owner}", "tasks": "tasks: {folder: T}", "events": "events: {direction: both}"}
    options = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0", "--employees", "2")
    conflict = "erp"
    # Whether cases of the same configuration may follow each other in one world.
    shares_world = True
    # Messages that the users of a case want sent: how many of each kind each recipient may get for one action.
    mail = {}

    def __init__(self, world):
        self.world = world
        world.all_contacts = False
        self.erp, self.box = (kinds.sides(world, self.kind, "alice") if self.kind in kinds.KINDS else (None, None))

    @classmethod
    def name(cls):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    def title(self, number):
        return f"{type(self).__name__} {number}"

    @classmethod
    def configuration(cls):
        """Cases of the same can share a world."""
        return cls.sections[cls.kind], tuple(cls.people), cls.conflict

    def start(self):
        self.world.start(env=self.world.boundaries.environment)

    def configure(self):
        self.world.policies({person: f"conflict: {self.conflict}\n    {self.sections[self.kind]}" for person in self.people})

    def furnish(self):
        """What stands beside the records of the case: the last one of a list that goes is taken for a fault of the server."""
        self.erp.create("Standing")

    def before(self, numbers):
        """Records that both sides have when the cycle begins."""

    def act(self, number):
        """What happens before the cycle."""

    def meanwhile(self, number):
        """What happens after the daemon's end and before it starts again."""

    def after(self, number):
        """What is true of these records in the end, besides that both sides and the mount are equal."""

    def check(self):
        for person in self.people:
            check(self.world, person, self.kind)

    def both(self, number, texts):
        assert (self.erp.texts(self.title(number)), self.box.texts(self.title(number))) == (texts, texts)


class CreatedInERP(Case):
    def act(self, number):
        self.erp.create(self.title(number))

    def after(self, number):
        self.both(number, ["first"])


class CreatedInMailbox(Case):
    def act(self, number):
        self.box.create(self.title(number))

    def after(self, number):
        self.both(number, ["first"])


class Changed(Case):
    def before(self, numbers):
        for number in numbers:
            self.erp.create(self.title(number))

    def after(self, number):
        self.both(number, ["second"])


class ChangedInERP(Changed):
    def act(self, number):
        self.erp.change(self.title(number), "second")


class ChangedInMailbox(Changed):
    def act(self, number):
        self.box.change(self.title(number), "second")


class DeletedInERP(Changed):
    def act(self, number):
        self.erp.delete(self.title(number))

    def after(self, number):
        self.both(number, [])


class DeletedInMailbox(DeletedInERP):
    def act(self, number):
        self.box.delete(self.title(number))


class ChangedInBoth(Changed):
    """Another field on each side: both are written."""

    def act(self, number):
        self.erp.change(self.title(number), "second")
        [item] = self.box.find(self.title(number))
        item.company_name = f"Company {number}"
        item.save(update_fields=["company_name"])

    def after(self, number):
        super().after(number)
        assert self.erp.kind.in_erp(self.world, self.title(number))[0]["CompanyName"]["value"] == f"Company {number}"
        assert self.box.find(self.title(number))[0].company_name == f"Company {number}"


class Conflict(Changed):
    """The same field on both sides: the ERP wins, and what lost is in the journal."""

    def act(self, number):
        self.erp.change(self.title(number), "second")
        self.box.change(self.title(number), f"lost {number}")

    def after(self, number):
        super().after(number)
        assert f"'lost {number}' gave way" in self.world.run("journal", "-n", "10000", "alice@example.test", check=0).stdout


class ConflictThatKeepsBoth(Changed):
    conflict = "keep-both"

    def act(self, number):
        self.erp.change(self.title(number), "second")
        self.box.change(self.title(number), f"other {number}")

    def after(self, number):
        for side in (self.erp, self.box):
            titles = [title for title in side.titles(self.title(number)) if title.split(" (")[0] == self.title(number)]
            assert sorted(text for title in titles for text in side.texts(title)) == sorted(["second", f"other {number}"]), titles


class MergedByEmail(Case):
    """The same person, entered on both sides: one pair."""

    sections = {"contacts": "contacts: {folder: C, filter: owner, merge_by_email: true}"}

    def act(self, number):
        address = f"person{number}@other.test"
        self.world.erp.put("Contact", LastName=self.title(number), Email=address, Owner=self.world.ids["alice"])
        account = self.world.account("alice")
        email = exchangelib.indexed_properties.EmailAddress(email=address, label="EmailAddress1")
        item = self.box.kind.item(account, mailbox.folder(account, "C"), self.title(number), "mine")
        item.email_addresses = [email]
        item.save()

    def after(self, number):
        assert (len(self.erp.texts(self.title(number))), len(self.box.texts(self.title(number)))) == (1, 1)


class SharedCreatedInMailbox(CreatedInMailbox):
    """What one mailbox brings into the ERP reaches the other in the same round."""

    people = ["alice", "bob"]
    sections = {"contacts": "contacts: {folder: C, filter: all}"}

    def __init__(self, world):
        super().__init__(world)
        world.all_contacts = True


class Undone(Changed):
    """A value that a conflict overwrote is put back, and carried on by a cycle that is killed."""

    def before(self, numbers):
        super().before(numbers)
        self.world.daemon.sync()
        for number in numbers:
            self.erp.change(self.title(number), "winner")
            self.box.change(self.title(number), "second")

    def act(self, number):
        lines = self.world.run("journal", "-n", "10000", "alice@example.test", check=0).stdout
        [entry] = [line.split()[0].lstrip("#") for line in lines.splitlines() if f"'{self.title(number)}'" in line]
        self.world.daemon.control("ctl", f"restore {entry}\n")


class TaskCreatedInERP(CreatedInERP):
    kind = "tasks"


class TaskCreatedInMailbox(CreatedInMailbox):
    kind = "tasks"


class TaskChangedInMailbox(ChangedInMailbox):
    kind = "tasks"


class TaskDeletedInERP(DeletedInERP):
    kind = "tasks"


class Event(Case):
    kind = "events"

    def invite(self, number):
        start = kinds.soon()
        self.world.erp.put(
            "Event", owner=self.world.ids["alice"], Summary=self.title(number), Location="first", StartDate=start.isoformat(),
            EndDate=(start + datetime.timedelta(hours=1)).isoformat(), Attendees=[{"Email": {"value": guest}} for guest in GUESTS])

    def before(self, numbers):
        for number in numbers:
            self.invite(number)


class EventCreatedInERP(Event):
    mail = {"request": 1}

    def before(self, numbers):
        pass

    def act(self, number):
        self.invite(number)

    def after(self, number):
        self.both(number, ["first"])


class EventCreatedInMailbox(EventCreatedInERP):
    mail = {}

    def act(self, number):
        item = self.box.kind.item(self.world.account("alice"), self.world.account("alice").calendar, self.title(number), "first")
        item.required_attendees, item.categories = GUESTS, ["ERP"]
        item.save(send_meeting_invitations=exchangelib.items.SEND_TO_ALL_AND_SAVE_COPY)


class EventChangedInERP(Event):
    mail = {"update": 1}

    def act(self, number):
        self.erp.change(self.title(number), "second")

    def after(self, number):
        self.both(number, ["second"])


class EventChangedInMailbox(EventChangedInERP):
    mail = {}

    def act(self, number):
        [item] = self.box.find(self.title(number))
        item.location = "second"
        item.save(update_fields=["location"], send_meeting_invitations=exchangelib.items.SEND_TO_NONE)


class EventDeletedInERP(Event):
    mail = {"cancellation": 1}

    def act(self, number):
        self.erp.delete(self.title(number))

    def after(self, number):
        self.both(number, [])


class EmailFromMailbox(Case):
    """A message with attachments, from a stranger: an activity, its files, and a contact."""

    kind = "emails"
    people = ["alice", "bob"]
    sections = {"emails": "emails: {folder: ERP Mail, attachments: true, create_contacts: true}"}

    def furnish(self):
        put_activity(self.world, FILES, Subject="Standing", Owner=self.world.ids["alice"])
        self.world.emails = 1

    def act(self, number):
        put_message_with_files(self.world, self.title(number))
        self.world.emails += 1

    def after(self, number):
        assert len(activities(self.world, Subject=self.title(number))) == 1

    def check(self):
        check_emails(self.world, [("alice", "ERP Mail")], self.world.emails)
        addresses = [contact["Email"].get("value") for contact in self.world.erp.contacts()]
        assert len(addresses) == len(set(addresses))


class EmailsFromMailbox(EmailFromMailbox):
    """Three that go into the ERP together: one batch of the mailbox, one record after the other in the ERP."""

    def act(self, number):
        for place in range(3):
            put_message_with_files(self.world, f"{self.title(number)} {place}")
        self.world.emails += 3

    def after(self, number):
        for place in range(3):
            assert len(activities(self.world, Subject=f"{self.title(number)} {place}")) == 1


class EmailFromERP(EmailFromMailbox):
    def act(self, number):
        put_activity(self.world, FILES, Subject=self.title(number), Owner=self.world.ids["alice"])
        self.world.emails += 1
