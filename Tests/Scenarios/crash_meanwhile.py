"""What people do while the daemon that was killed has not started again: the recovery finds records that went on without it."""

import exchangelib
from crash_cases import Changed, ChangedInMailbox, CreatedInERP, CreatedInMailbox, DeletedInMailbox, Event, EventChangedInERP


class ChangedInMailboxThenInERP(ChangedInMailbox):
    def meanwhile(self, number):
        self.erp.change(self.title(number), "third")

    def after(self, number):
        self.both(number, ["third"])


class DeletedInMailboxThenChangedInERP(DeletedInMailbox):
    """A record that was changed before its delete arrived stays, and is the mailbox's again."""

    def meanwhile(self, number):
        self.left = self.erp.texts(self.title(number))
        if self.left:
            self.erp.change(self.title(number), "third")

    def after(self, number):
        self.both(number, ["third"] if self.left else [])


class CreatedInERPThenDeletedInMailbox(CreatedInERP):
    """Its user deletes what has just come, which the daemon may not know to be there: made anew or gone, on both sides alike."""

    def meanwhile(self, number):
        self.seen = self.box.texts(self.title(number))
        self.box.delete(self.title(number))

    def after(self, number):
        assert self.erp.texts(self.title(number)) == self.box.texts(self.title(number)) in ([[], ["first"]] if self.seen else [["first"]])


class CreatedInMailboxThenChangedInMailbox(CreatedInMailbox):
    def meanwhile(self, number):
        self.box.change(self.title(number), "second")

    def after(self, number):
        self.both(number, ["second"])


class SharedChangedAndDeletedInERP(Changed):
    """A deleted record that two mailboxes had changed is made anew once."""

    conflict = "exchange"
    people = ["alice", "bob"]
    sections = {"contacts": "contacts: {folder: C, filter: all}"}

    def __init__(self, world):
        super().__init__(world)
        world.all_contacts = True

    def act(self, number):
        for person in self.people:
            [item] = type(self.box)(self.world, self.box.kind, person).find(self.title(number))
            self.box.kind.change(item, person)
        self.erp.delete(self.title(number))

    def after(self, number):
        [text] = self.erp.texts(self.title(number))
        assert text in self.people
        assert self.box.texts(self.title(number)) == [text]


class EventGuestsChangedThenDeletedInMailbox(Event):
    """A list of guests that reached the ERP is no reason to make the meeting anew, which invites them."""

    def act(self, number):
        [item] = self.box.find(self.title(number))
        guest = exchangelib.Attendee(mailbox=exchangelib.Mailbox(email_address="third@example.test"), response_type="Unknown")
        item.required_attendees = [*item.required_attendees, guest]
        item.save(update_fields=["required_attendees"], send_meeting_invitations=exchangelib.items.SEND_TO_NONE)

    def meanwhile(self, number):
        self.box.delete(self.title(number))

    def after(self, number):
        self.both(number, [])


class EventChangedInERPThenDeletedInERP(EventChangedInERP):
    mail = {"update": 1, "cancellation": 1}

    def meanwhile(self, number):
        self.erp.delete(self.title(number))

    def after(self, number):
        self.both(number, [])
