"""Servers that differ in what they say: forbidden characters, long texts, times without zone, records in other shapes."""

import datetime
import email.message
import email.policy

import differing
import kinds
import pytest
import round_trip
from differing import Reshapes, Rewrites
from round_trip import goes_both_ways, is_quiet
from test_emails import activities, files_of, put_message

pytestmark = pytest.mark.parametrize("world", [round_trip.SMALL], indirect=True, ids=["small"])
LONG = 9_000_000


def test_characters_that_xml_forbids_are_left_out(world, behind):
    forbidden = b"&#x0;&#31;&#xFFFF;&#xB;\x01\x0b\xef\xbf\xbe"
    manner = Rewrites(
        (rb"(<t:(?:JobTitle|Surname|Subject|Location|DisplayName)>)", rb"\1" + forbidden), (rb"(<t:Body )", rb'\1x="' + forbidden + rb'" '),
        (rb"(<t:LegacyFreeBusyStatus)", rb'\1 x="&#x1F;"'))
    behind(manner)
    goes_both_ways(world)
    assert manner.count > 20


def test_characters_that_xml_forbids_come_from_the_erp_once(world, behind):
    behind(differing.Manner())
    person = world.people()[0]
    erp, box = kinds.sides(world, "contacts", person)
    erp.create("of the ERP", "one\u0000two\u000bthree\ufffffour")
    world.run("sync", check=0)
    text, = box.texts("of the ERP")
    assert [part for part in ("one", "two", "three", "four") if part not in text] == []
    is_quiet(world)
    world.start()
    folder = next(entry for entry in world.mount.iterdir() if entry.name.startswith(person))
    card, = [path for path in folder.glob("*/*.vcf") if "of the ERP" in path.read_text()]
    assert "\x00" not in card.read_text() and "\x0b" not in card.read_text()


def test_texts_of_more_than_ten_million_bytes_arrive_whole(world, behind):
    """A parser's usual limit; the message's content is one text in the reply, longer by a third than its file."""
    behind(differing.Compressed(size=65_521))
    person = world.people()[0]
    content = bytes(range(256)) * (LONG // 256)
    world.run("sync", check=0)
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"], message["Message-ID"] = "robin@other.test", f"{person}@example.test", "Long", "<long@other.test>"
    message.set_content("See the file")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename="big.bin")
    put_message(world, message.as_bytes(policy=email.policy.SMTP), person)
    world.run("sync", check=0)
    found, = activities(world, Subject="Long")
    assert files_of(world, found) == {"big.bin": content}
    is_quiet(world)


@pytest.mark.parametrize("manner", [
    Rewrites((rb"(\d\d:\d\d:\d\d)Z<", rb"\1<")),
    Rewrites((rb"(\d\d:\d\d:\d\d)Z<", rb"\1.0000000+00:00<")),
    Rewrites((rb'(\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|\+00:00)"', rb'\1"'), exchange=False),
    Rewrites((rb'(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)"', rb'\g<1>.0000000Z"'), exchange=False),
], ids=["Exchange, without zone", "Exchange, with fractions and offset", "ERP, without zone", "ERP, with fractions and Z"])
def test_times_in_other_forms_mean_the_same(world, behind, manner):
    behind(manner)
    person = world.people()[0]
    goes_both_ways(world)
    assert manner.count > 20
    item, = kinds.sides(world, "events", person)[1].find("from the ERP")
    assert (item.start, item.end) == (kinds.soon(), kinds.soon(hour=11))
    record, = kinds.KINDS["events"].in_erp(world, "from the mailbox")
    assert datetime.datetime.fromisoformat(record["StartDate"]["value"]) == kinds.soon()


@pytest.mark.parametrize("manner", [
    Reshapes(differing.sparse), Reshapes(differing.richer), Reshapes(differing.without_details, methods=("PUT",)),
], ids=["members left out", "members unknown to us", "details not shown after a write"])
def test_the_erps_records_in_other_shapes_mean_the_same(world, behind, manner):
    server = behind(manner)
    person = world.people()[0]
    event = world.erp.put(
        "Event", Summary="With people", StartDate=kinds.soon().isoformat(), EndDate=kinds.soon(hour=11).isoformat(), owner=world.ids[person],
        Attendees=[{"Email": {"value": "robin@other.test"}, "Name": {"value": "Robin"}}])
    goes_both_ways(world)
    item, = kinds.sides(world, "events", person)[1].find("With people")
    assert [attendee.mailbox.email_address for attendee in item.required_attendees] == ["robin@other.test"]
    assert event["id"] and not {request.method for request in server.requests} - {"GET", "PUT", "POST", "DELETE"}


def test_exchange_may_say_more_than_we_know(world, behind):
    manner = Rewrites(
        (rb"(<t:(?:Contact|Task|CalendarItem)>)", rb'\1<t:NewInTheNextBuild a="b"><t:Inner>x</t:Inner></t:NewInTheNextBuild>'),
        (rb"(<m:\w+ResponseMessage )", rb'\1NewAttribute="1" '),
        (rb'xmlns:t="', rb'xmlns:unused="urn:unused" xmlns:t="'),
        (rb"(</?)t:", rb"\1types:"), (rb"xmlns:t=", rb"xmlns:types="))
    behind(manner)
    goes_both_ways(world)
    assert manner.count > 100


LISTINGS = {
    "bare, as older sites list": lambda found: found["endpoints"],
    "without versions of the site": lambda found: {"endpoints": found["endpoints"]},
    "names and versions alone": lambda found: {"endpoints": [{"name": entry["name"], "version": entry["version"]} for entry in found["endpoints"]]},
    "entries that lack their name or version": lambda found: {**found, "endpoints": [{"name": "Default"}, {"version": "99.200.001"}, {}, *found["endpoints"]]},
    "unknown members, nulls, newer versions": lambda found: {
        **found, "more": None, "endpoints": [{"name": "Default", "version": "99.200.001", "href": None}, {"name": None, "version": None}, *found["endpoints"]]},
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_the_endpoint_is_found_in_listings_that_differ(world, behind, listing):
    server = behind(differing.Lists(LISTINGS[listing]))
    world.edit(("  endpoint: Default/24.200.001\n", ""))
    world.run("sync", check=0)
    assert any(request.path.startswith("/entity/Default/25.200.001/") for request in server.requests)


def test_a_site_without_an_endpoint_that_is_known_is_told_so(world, behind):
    behind(differing.Lists(lambda found: {**found, "endpoints": [{"name": "Default", "version": "18.200.001"}, {"name": "eCommerce"}]}))
    world.edit(("  endpoint: Default/24.200.001\n", ""))
    result = world.run("sync")
    assert result.returncode != 0 and "Default/18.200.001" in result.stdout + result.stderr and "erp.endpoint" in result.stdout + result.stderr
