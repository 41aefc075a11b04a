"""exchangelib invites, answers, changes and cancels in the sandbox, as organizer and as attendee."""

import datetime

import exchangelib
import pytest
from exchangelib import Attendee, CalendarItem, EWSDateTime, EWSTimeZone
from exchangelib.errors import EWSError
from exchangelib.items import SEND_ONLY_TO_CHANGED, SEND_TO_ALL_AND_SAVE_COPY, SEND_TO_NONE
from exchangelib.items import MeetingCancellation, MeetingRequest, MeetingResponse
from exchangelib.recurrence import Recurrence, WeeklyPattern

from strangers import steps

step = steps("exchangelib", "meetings")
BERLIN = EWSTimeZone("Europe/Berlin")
START = EWSDateTime(2027, 3, 1, 10, tzinfo=BERLIN)


@pytest.fixture(scope="module")
def people(office):
    return [office.account(name) for name in office.people()]


def invite(people, subject, **fields):
    alice, bob, carol = people
    return CalendarItem(
        account=alice, folder=alice.calendar, subject=subject, start=START, end=START + datetime.timedelta(hours=1), body="Please come",
        required_attendees=[Attendee(mailbox=exchangelib.Mailbox(email_address=bob.primary_smtp_address), response_type="Unknown")],
        optional_attendees=[carol.primary_smtp_address], **fields).save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)


def messages(account, subject, kind):
    return [item for item in account.inbox.all() if isinstance(item, kind) and (item.subject or "").endswith(subject)]


def copies(account, subject):
    return [item for item in account.calendar.all() if (item.subject or "").endswith(subject)]


def answers(account, subject):
    own, = copies(account, subject)
    people = (own.required_attendees or []) + (own.optional_attendees or [])
    return {person.mailbox.email_address.split("@")[0]: person.response_type for person in people}


def test_a_meeting_from_invitation_to_cancellation(people, office):
    alice, bob, carol = people
    with step("invite"):
        meeting = invite(people, "Planning")
        own, = copies(alice, "Planning")
        assert own.is_meeting and own.meeting_request_was_sent and own.my_response_type == "Organizer"
    with step("attendees get a request and a tentative event"):
        for person in (bob, carol):
            request, = messages(person, "Planning", MeetingRequest)
            copy, = copies(person, "Planning")
            assert request.start == copy.start == START and copy.organizer.email_address == alice.primary_smtp_address
            assert copy.my_response_type == "NoResponseReceived" and copy.uid == own.uid
    with step("accept by the request"):
        messages(bob, "Planning", MeetingRequest)[0].accept(body="Gladly")
        assert copies(bob, "Planning")[0].my_response_type == "Accept" and not messages(bob, "Planning", MeetingRequest)
    with step("accept tentatively by the calendar's item"):
        copies(carol, "Planning")[0].tentatively_accept()
        assert copies(carol, "Planning")[0].my_response_type == "Tentative"
    with step("the organizer gets the answers"):
        assert sorted(type(item).__name__ for item in messages(alice, "Planning", MeetingResponse)) == ["MeetingResponse"] * 2
        assert answers(alice, "Planning") == {"bob": "Accept", "carol": "Tentative"}
    with step("decline takes the event away"):
        copies(carol, "Planning")[0].decline()
        assert not [item for item in copies(carol, "Planning") if item.my_response_type != "Decline"] and answers(alice, "Planning")["carol"] == "Decline"
    with step("a change of time asks again"):
        own, = copies(alice, "Planning")
        own.start, own.end = START + datetime.timedelta(days=1), START + datetime.timedelta(days=1, hours=1)
        own.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
        copy, = copies(bob, "Planning")
        assert copy.start == START + datetime.timedelta(days=1) and copy.my_response_type == "NoResponseReceived"
    with step("a new attendee alone is invited"):
        office.control.empty_outbox()
        own, = copies(alice, "Planning")
        own.required_attendees = [*own.required_attendees, Attendee(mailbox=exchangelib.Mailbox(email_address="guest@outside.test"))]
        own.save(update_fields=["required_attendees"], send_meeting_invitations=SEND_ONLY_TO_CHANGED)
        assert office.control.outbox() == [("request", "guest@outside.test", "Planning")]
    with step("an attendee does not cancel"):
        with pytest.raises(EWSError):
            copies(bob, "Planning")[0].cancel()
    with step("cancel"):
        copies(alice, "Planning")[0].cancel(new_body="No longer needed")
        notice, = messages(bob, "Planning", MeetingCancellation)
        copy, = copies(bob, "Planning")
        assert notice.subject.endswith("Planning") and copy.is_cancelled and not copies(alice, "Planning")
    assert meeting.id


def test_a_series_of_meetings(people):
    alice, bob, _ = people
    with step("invite to a series"):
        invite(people, "Review", recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]), start=START.date(), number=4))
        copy, = copies(bob, "Review")
        assert copy.type == "RecurringMaster" and copy.recurrence.boundary.number == 4
    with step("accept a series"):
        messages(bob, "Review", MeetingRequest)[0].accept()
        assert answers(alice, "Review")["bob"] == "Accept"
    with step("move one occurrence of a series of meetings"):
        second = copies(alice, "Review")[0].occurrence(index=2)
        second.refresh()
        second.start, second.end = second.start + datetime.timedelta(hours=3), second.end + datetime.timedelta(hours=3)
        second.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
        window = dict(start=START, end=START + datetime.timedelta(days=40))
        starts = [sorted(item.start for item in person.calendar.view(**window) if item.subject == "Review") for person in (alice, bob)]
        assert starts[0] == starts[1] and len(starts[0]) == 4 and starts[0][1] == START + datetime.timedelta(days=7, hours=3)
    with step("delete the series with cancellations"):
        copies(alice, "Review")[0].delete(send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY)
        assert copies(bob, "Review")[0].is_cancelled


def test_nothing_is_sent_that_nobody_asked_for(people, office):
    alice, bob, _ = people
    office.control.empty_outbox()
    with step("a meeting that is stored silently"):
        meeting = CalendarItem(
            account=alice, folder=alice.calendar, subject="Silent", start=START, end=START + datetime.timedelta(hours=1),
            required_attendees=[bob.primary_smtp_address]).save(send_meeting_invitations=SEND_TO_NONE)
        assert not copies(bob, "Silent") and copies(alice, "Silent")[0].meeting_request_was_sent is False
    with step("changed and deleted silently"):
        meeting.location = "Elsewhere"
        meeting.save(update_fields=["location"], send_meeting_invitations=SEND_TO_NONE)
        meeting.delete(send_meeting_cancellations=SEND_TO_NONE)
        assert office.control.outbox() == [] and not messages(bob, "Silent", exchangelib.Message)
