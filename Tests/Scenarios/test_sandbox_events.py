"""The sandbox's own events and calendars, as clients of both protocols find them: what tests of the engine build on."""

import datetime

import pytest
import requests
from exchangelib import CalendarItem, EWSDateTime, EWSTimeZone
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY
from exchangelib.recurrence import Recurrence, WeeklyPattern

BERLIN = EWSTimeZone("Europe/Berlin")
pytestmark = pytest.mark.parametrize("world", [("--events", "0", "--emails", "0")], indirect=True)


def event(world, **fields):
    return world.erp.put("Event", **fields)


def read(world, record, version="24.200.001", **parameters):
    query = {"$expand": "Attendees,Reminder", "$custom": "Events.OwnerID,Attendees/Attendees.IsOptional", **parameters}
    answer = world.erp.session.get(f"{world.sandbox.base}/entity/Default/{version}/Event/{record['id']}", params=query)
    answer.raise_for_status()
    return answer.json()


def test_an_event_has_an_owner_attendees_and_a_reminder(world):
    made = world.erp.session.put(f"{world.erp.root}/Event", json={
        "Summary": {"value": "Kickoff"}, "StartDate": {"value": "2026-12-02T09:00:00+00:00"}, "EndDate": {"value": "2026-12-02T10:00:00+00:00"},
        "Attendees": [{"Email": {"value": "bob@example.test"}}, {"Email": {"value": "x@outside.test"}, "custom": {"Attendees": {
            "IsOptional": {"type": "CustomBooleanField", "value": True}}}}],
        "Reminder": {"IsActive": {"value": True}, "RemindAtDate": {"value": "2026-12-02T08:45:00+00:00"}},
        "custom": {"Events": {"OwnerID": {"type": "CustomStringField", "value": "EP00000001"}}}}, params={"$expand": "Attendees"})
    made.raise_for_status()
    assert made.json()["Attendees"] == []  # as real sites answer
    found = read(world, made.json())
    assert found["custom"]["Events"]["OwnerID"]["value"] == "EP00000001"
    assert [row["Email"]["value"] for row in found["Attendees"]] == ["bob@example.test", "x@outside.test"]
    assert [row["InvitationStatus"]["value"] for row in found["Attendees"]] == ["Not Invited", "Not Invited"]
    assert found["Attendees"][1]["custom"]["Attendees"]["IsOptional"]["value"] is True
    assert found["Reminder"]["RemindAtTime"]["value"] == "2026-12-02T08:45:00.000+00:00"
    assert found["Status"]["value"] == "Open" and found["ShowAs"]["value"] == "Busy"


def test_rows_are_matched_by_address_removed_and_kept(world):
    made = event(world, Summary="Rows", StartDate="2026-12-02T09:00:00+00:00")
    def put(rows):
        world.erp.session.put(f"{world.erp.root}/Event", json={"id": made["id"], "Attendees": rows}).raise_for_status()
        return read(world, made)["Attendees"]
    rows = put([{"Email": {"value": "a@x.test"}}, {"Email": {"value": "b@x.test"}}])
    assert len(put([])) == 2
    assert len(put([{"Email": {"value": "A@x.test"}, "Comment": {"value": "again"}}])) == 2
    left = put([{"id": read(world, made)["Attendees"][0]["id"], "delete": True}])
    assert [row["Email"]["value"] for row in left] == ["b@x.test"]
    stale = world.erp.session.put(f"{world.erp.root}/Event", json={"id": made["id"], "Attendees": [{"id": rows[1]["id"], "delete": True}]})
    assert stale.status_code == 422


def test_the_newer_contract_has_one_end_and_one_reminder(world):
    made = event(world, Summary="End", StartDate="2026-12-02T09:00:00+00:00", EndDate="2026-12-02T10:00:00+00:00")
    old, new = read(world, made), read(world, made, "25.200.001")
    assert old["EndDate"] == old["EndTime"] == new["EndDateTime"] and "EndDateTime" not in old and "EndTime" not in new
    assert "RemindAtDateTime" in new["Reminder"] and "RemindAtDate" not in new["Reminder"]


@pytest.mark.parametrize("action, status", [("CompleteEvent", "Completed"), ("CancelActivityEvent", "Canceled")])
def test_actions_change_the_status_of_an_open_event(world, action, status):
    made = event(world, Summary="Act", StartDate="2026-12-02T09:00:00+00:00")
    answers = [world.erp.session.post(f"{world.erp.root}/Event/{action}", json={"entity": {"id": made["id"]}}).status_code for _ in range(2)]
    assert answers == [204, 422]
    assert read(world, made)["Status"]["value"] == status


def test_an_end_before_the_start_and_an_unknown_owner_are_refused(world):
    for fields in [{"EndDate": {"value": "2026-12-01T09:00:00+00:00"}}, {"custom": {"Events": {"OwnerID": {"type": "CustomStringField", "value": "NOBODY"}}}}]:
        body = {"Summary": {"value": "Bad"}, "StartDate": {"value": "2026-12-02T09:00:00+00:00"}, **fields}
        assert world.erp.session.put(f"{world.erp.root}/Event", json=body).status_code == 422


def test_a_meeting_is_delivered_answered_changed_and_cancelled(world):
    alice, bob, carol = (world.account(name) for name in ("alice", "bob", "carol"))
    meeting = CalendarItem(
        account=alice, folder=alice.calendar, subject="Delivery", start=EWSDateTime(2026, 12, 2, 10, tzinfo=BERLIN),
        end=EWSDateTime(2026, 12, 2, 11, tzinfo=BERLIN), required_attendees=["bob@example.test"],
        optional_attendees=["carol@example.test", "x@outside.test"])
    meeting.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    assert world.control.outbox() == [("request", f"{name}", "Delivery") for name in ("bob@example.test", "carol@example.test", "x@outside.test")]
    [copy] = list(bob.calendar.all())
    assert (copy.subject, copy.my_response_type, copy.organizer.email_address) == ("Delivery", "NoResponseReceived", "alice@example.test")
    assert copy.uid == list(alice.calendar.all())[0].uid
    [request] = list(bob.inbox.all())
    request.accept()
    [own] = list(alice.calendar.all())
    assert [(person.mailbox.email_address, person.response_type) for person in own.required_attendees] == [("bob@example.test", "Accept")]
    assert [item.subject for item in alice.inbox.all()] == ["Accepted: Delivery"] and not list(bob.inbox.all())
    own.start, own.end = own.start + datetime.timedelta(hours=2), own.end + datetime.timedelta(hours=2)
    own.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    assert [kind for kind, *_ in world.control.outbox()].count("update") == 3
    assert list(bob.calendar.all())[0].start == own.start and list(bob.calendar.all())[0].my_response_type == "NoResponseReceived"
    list(alice.calendar.all())[0].delete(send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY)
    assert [kind for kind, *_ in world.control.outbox()].count("cancellation") == 3
    assert list(carol.calendar.all())[0].is_cancelled


def test_nothing_is_sent_unless_asked_for(world):
    alice = world.account("alice")
    meeting = CalendarItem(
        account=alice, folder=alice.calendar, subject="Silent", start=EWSDateTime(2026, 12, 2, 10, tzinfo=BERLIN),
        end=EWSDateTime(2026, 12, 2, 11, tzinfo=BERLIN), required_attendees=["bob@example.test"])
    meeting.save()
    meeting.location = "Elsewhere"
    meeting.save(update_fields=["location"])
    meeting.delete()
    assert world.control.outbox() == [] and not list(world.account("bob").inbox.all())


def test_one_occurrence_is_changed_one_deleted_and_the_series_stays(world):
    alice = world.account("alice")
    CalendarItem(
        account=alice, folder=alice.calendar, subject="Weekly", start=EWSDateTime(2026, 3, 2, 10, tzinfo=BERLIN),
        end=EWSDateTime(2026, 3, 2, 11, tzinfo=BERLIN),
        recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday", "Thursday"]), start=datetime.date(2026, 3, 2), number=20)).save()
    def view():
        return list(alice.calendar.view(start=EWSDateTime(2026, 3, 1, tzinfo=BERLIN), end=EWSDateTime(2026, 6, 1, tzinfo=BERLIN)))
    before = view()
    assert len(before) == 20 and {item.type for item in before} == {"Occurrence"}
    # Daylight saving time does not move the clock's time.
    assert {item.start.astimezone(BERLIN).hour for item in before} == {10}
    moved = before[3]
    moved.start, moved.end, moved.subject = moved.start + datetime.timedelta(hours=2), moved.end + datetime.timedelta(hours=2), "Moved"
    moved.save(update_fields=["start", "end", "subject"])
    before[4].delete()
    after = view()
    assert len(after) == 19 and [item.subject for item in after].count("Moved") == 1
    [master] = [item for item in alice.calendar.all() if item.type == "RecurringMaster"]
    assert [entry.original_start for entry in master.modified_occurrences] == [before[3].start - datetime.timedelta(hours=2)]
    assert [entry.start for entry in master.deleted_occurrences] == [before[4].start]
    crossing = after[0]
    crossing.start, crossing.end = after[1].start + datetime.timedelta(hours=1), after[1].end + datetime.timedelta(hours=1)
    with pytest.raises(Exception, match="crossing"):
        crossing.save(update_fields=["start", "end"])


def test_zones_have_their_rules(world):
    zones = list(world.account("alice").protocol.get_timezones(return_full_timezone_data=True))
    assert len(zones) > 100
    answer = requests.get(f"{world.sandbox.base}/sandbox/exchange/outbox")
    assert answer.json() == []
