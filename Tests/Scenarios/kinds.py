"""The record types as both sides' own clients handle them: one adapter a type, so that one table of cases serves all.

A record is known by its title, which no other record of a test has. `text` is one field that travels both ways."""

import datetime

import exchangelib
import mailbox


class Contacts:
    entity, section = "Contact", "contacts"

    def in_erp(self, world, title):
        return [record for record in world.erp.records("Contact") if record["LastName"].get("value") == title]

    def create_in_erp(self, world, person, title, text):
        return world.erp.put("Contact", LastName=title, JobTitle=text, Owner=world.ids[person])

    def change_in_erp(self, world, title, text):
        world.erp.put("Contact", ContactID=self.in_erp(world, title)[0]["ContactID"]["value"], JobTitle=text)

    def erp_text(self, record):
        return record["JobTitle"].get("value")

    def item(self, account, folder, title, text):
        return exchangelib.Contact(account=account, folder=folder, surname=title, display_name=title, job_title=text)

    def title(self, item):
        return item.surname

    def change(self, item, text):
        item.job_title = text
        item.save(update_fields=["job_title"])

    def item_text(self, item):
        return item.job_title


class Tasks:
    entity, section = "Task", "tasks"

    def in_erp(self, world, title):
        return [record for record in world.erp.records("Task") if record["Summary"].get("value") == title]

    def create_in_erp(self, world, person, title, text):
        return world.erp.put("Task", Summary=title, Body=text, Owner=world.ids[person])

    def change_in_erp(self, world, title, text):
        world.erp.put("Task", NoteID=self.in_erp(world, title)[0]["id"], Body=text)

    def erp_text(self, record):
        return mailbox.plain(record["Body"].get("value"))

    def item(self, account, folder, title, text):
        return exchangelib.Task(account=account, folder=folder, subject=title, body=text)

    def title(self, item):
        return item.subject

    def change(self, item, text):
        item.body = text
        item.save(update_fields=["body"])

    def item_text(self, item):
        return item.body and str(item.body)


def soon(days=20, hour=10):
    """A time some days ahead, in UTC."""
    day = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=0, second=0, microsecond=0)
    return day + datetime.timedelta(days=days)


class Events:
    entity, section = "Event", "events"

    def in_erp(self, world, title):
        return [record for record in world.erp.records("Event") if record["Summary"].get("value") == title]

    def create_in_erp(self, world, person, title, text):
        return world.erp.put(
            "Event", Summary=title, Location=text, StartDate=soon().isoformat(), EndDate=soon(hour=11).isoformat(), owner=world.ids[person])

    def change_in_erp(self, world, title, text):
        world.erp.put("Event", NoteID=self.in_erp(world, title)[0]["id"], Location=text)

    def erp_text(self, record):
        return record["Location"].get("value")

    def item(self, account, folder, title, text):
        zone = exchangelib.EWSTimeZone("Europe/Berlin")
        start = exchangelib.EWSDateTime.from_datetime(soon()).astimezone(zone)
        return exchangelib.CalendarItem(
            account=account, folder=folder, subject=title, location=text, start=start, end=start + datetime.timedelta(hours=1))

    def title(self, item):
        return item.subject

    def change(self, item, text):
        item.location = text
        item.save(update_fields=["location"])

    def item_text(self, item):
        return item.location


KINDS = {kind.section: kind for kind in (Contacts(), Tasks(), Events())}


class Side:
    """The records of one type on one side, as a person of a world sees them."""

    def __init__(self, world, kind, person):
        self.world, self.kind, self.person = world, kind, person


class ERPSide(Side):
    def create(self, title, text="first"):
        self.kind.create_in_erp(self.world, self.person, title, text)

    def change(self, title, text):
        self.kind.change_in_erp(self.world, title, text)

    def delete(self, title):
        for record in self.kind.in_erp(self.world, title):
            self.world.erp.delete(record, self.kind.entity)

    def texts(self, title):
        return sorted(self.kind.erp_text(record) for record in self.kind.in_erp(self.world, title))

    def titles(self, containing):
        name = "LastName" if self.kind.entity == "Contact" else "Summary"
        return sorted(record[name]["value"] for record in self.world.erp.records(self.kind.entity) if containing in (record[name].get("value") or ""))


class MailboxSide(Side):
    def items(self):
        return list(mailbox.folder(self.world.account(self.person), self.world.folders[self.person, self.kind.section]).all())

    def create(self, title, text="first"):
        account = self.world.account(self.person)
        self.kind.item(account, mailbox.folder(account, self.world.folders[self.person, self.kind.section]), title, text).save()

    def find(self, title):
        return [item for item in self.items() if self.kind.title(item) == title]

    def change(self, title, text):
        self.kind.change(self.find(title)[0], text)

    def delete(self, title):
        for item in self.find(title):
            item.move_to_trash()

    def texts(self, title):
        return sorted(self.kind.item_text(item) for item in self.find(title))

    def titles(self, containing):
        return sorted(self.kind.title(item) for item in self.items() if containing in (self.kind.title(item) or ""))


def sides(world, kind, person):
    return ERPSide(world, KINDS[kind], person), MailboxSide(world, KINDS[kind], person)
