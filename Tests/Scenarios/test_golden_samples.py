"""The published golden requests are sent to the sandbox: each is answered with the codes of its golden answer."""

import re

import exchangelib
import pytest
import requests
from lxml import etree

import schemas

pytestmark = pytest.mark.skipif(not schemas.directory(), reason="the golden samples (../shared/reference/ews/samples) are not here")

DELEGATE = ("concord-sync@example.test", "sandbox-delegate")
RESPONSE_CODE = "{http://schemas.microsoft.com/exchange/services/2006/messages}ResponseCode"
# Answers that a healthy server gives, where the sample shows one in trouble or a mailbox that is set up otherwise.
OTHERWISE = {
    "01-getfolder-delegate": ["NoError", "NoError"],  # the sample's caller has no right to the calendar
    "13-deleteitem-and-stopped-batch": ["NoError", "NoError", "NoError"],  # the sample's store fails in the middle
    "38-finditem-impersonated-inner-busy": ["NoError"],  # the sample's server is busy
}
SAMPLES = [path.name.removesuffix("-req.xml") for path in sorted((schemas.directory() / "samples").glob("[0-9]*-req.xml"))] if schemas.directory() else []
EWS = [name for name in SAMPLES if not name.startswith("9")]


def post(office, text, user=None):
    user = user or (office.first().primary_smtp_address, "sandbox-user")
    return requests.post(f"{office.sandbox.base}/EWS/Exchange.asmx", data=text.encode(), auth=user, headers={"Content-Type": "text/xml; charset=utf-8"},
                         stream="GetStreamingEvents" in text, timeout=90)


def codes(root):
    return [element.text for element in root.iter(RESPONSE_CODE)]


def numbered(account, kind, **fields):
    return kind(account=account, **fields).save()


class Stage:
    """What the samples speak of, made in a mailbox: contacts, a task, a series, a meeting, a message, an attachment, a subscription."""

    def __init__(self, office):
        self.office, self.account = office, office.first()
        account = self.account
        start = exchangelib.EWSDateTime(2026, 3, 2, 9, tzinfo=exchangelib.UTC)
        self.series = numbered(
            account, exchangelib.CalendarItem, folder=account.calendar, subject="Series", start=start, end=start.replace(minute=30),
            recurrence=exchangelib.recurrence.Recurrence(pattern=exchangelib.recurrence.WeeklyPattern(interval=1, weekdays=["Monday"]), start=start.date(), number=8),
            required_attendees=[f"{office.people()[1]}@example.test"])
        self.series.refresh()

    def replacements(self, name):
        """The ids of a sample, in the order in which they occur in it, with what stands for them here."""
        account = self.account
        contacts = [numbered(account, exchangelib.Contact, folder=account.contacts, display_name=f"Sample {n}", given_name=str(n)) for n in range(3)]
        first, second, _ = contacts
        target = account.contacts
        match name[:2]:
            case "05" | "07":
                return [target]
            case "10":
                return [first, None]
            case "12":
                return [first, (second.id, "EQAAABYAAACxxxxxxxxxxxxxxxxxxxxx")]
            case "13":
                return contacts
            case "14":
                return [target, first]
            case "16":
                return [numbered(account, exchangelib.Task, folder=account.tasks, subject="Sample")]
            case "18":
                return [self.series]
            case "19" | "21":
                self.series.refresh()
                return [self.series]
            case "20":
                other = self.office.first(1)
                start = exchangelib.EWSDateTime(2026, 3, 4, 9, tzinfo=exchangelib.UTC)
                meeting = exchangelib.CalendarItem(
                    account=other, folder=other.calendar, subject="Asked", start=start, end=start.replace(minute=30), required_attendees=[account.primary_smtp_address])
                meeting.save(send_meeting_invitations="SendToAllAndSaveCopy")
                return [account.inbox.get(subject="Asked")]
            case "23" | "24":
                return [numbered(account, exchangelib.Message, folder=account.drafts, subject="Sample", body="text", to_recipients=["b@example.test"])]
            case "25":
                return [first]
            case "26" | "27":
                file = exchangelib.FileAttachment(name="a.txt", content=b"text")
                second.attach(file)
                return [(file.attachment_id.id, None)]
        return []


@pytest.fixture(scope="module")
def stage(office):
    return Stage(office)


def fill(text, places):
    """Puts ids of here into a sample, one after the other."""
    places = iter(places)

    def replace(match):
        try:
            place = next(places)
        except StopIteration:
            return match.group(0)
        if place is None:
            return match.group(0)
        identity, key = place if isinstance(place, tuple) else (place.id, getattr(place, "changekey", None))
        found = f'{match.group(1)}="{identity}"'
        return found + (f' ChangeKey="{key}"' if key and "ChangeKey" in match.group(0) else "")

    return re.sub(r'((?:RecurringMaster)?Id)="[A-Za-z0-9+/=]{40,}"(?: ChangeKey="[^"]*")?', replace, text)


@pytest.mark.parametrize("name", EWS)
def test_a_golden_request_is_answered_as_in_its_sample(office, stage, name):
    directory = schemas.directory() / "samples"
    text = fill((directory / f"{name}-req.xml").read_text(), stage.replacements(name))
    text = text.replace("owner@example.test", stage.account.primary_smtp_address).replace("sync@example.test", f"{office.people()[2]}@example.test")
    user = DELEGATE if "ExchangeImpersonation" in text or name.startswith("01") else None
    if name.startswith("04"):
        text = re.sub(r"<m:SyncState>.*?</m:SyncState>", "", text)
    if name.startswith("06"):
        text = fill(text, [stage.account.contacts])
        first = fill((directory / "05-syncfolderitems-initial-req.xml").read_text(), [stage.account.contacts])
        state = re.search(r"SyncState>([^<]+)<", post(office, first).text).group(1)
        text = re.sub(r"(<m:SyncState>).*?(</m:SyncState>)", rf"\g<1>{state}\g<2>", text)
    if name.startswith("03"):
        post(office, text.replace("ERP customers", "ERP vendors", 1))  # the second exists already
    if name.startswith("28") or name.startswith("29"):
        create = (directory / "29-updateuserconfiguration-categories-req.xml").read_text().replace("UpdateUserConfiguration", "CreateUserConfiguration")
        post(office, create)
    if name.startswith("31"):
        text = text.replace(">ann<", ">a<")  # the start of several names here
    if name.startswith("33"):
        subscription = re.search(r"SubscriptionId>([^<]+)<", post(office, (directory / "32-subscribe-streaming-req.xml").read_text()).text).group(1)
        text = re.sub(r"(<t:SubscriptionId>).*?(</t:SubscriptionId>)", rf"\g<1>{subscription}\g<2>", text)
    if name.startswith("35"):
        answer = post(office, (directory / "34-subscribe-pull-req.xml").read_text()).text
        for element in ("SubscriptionId", "Watermark"):
            value = re.search(rf"{element}>([^<]+)<", answer).group(1)
            text = re.sub(rf"(<m:{element}>).*?(</m:{element}>)", rf"\g<1>{value}\g<2>", text)
    if name.startswith("36"):
        post(office, (directory / "37-adddelegate-req.xml").read_text().replace("owner@example.test", stage.account.primary_smtp_address).replace(
            "sync@example.test", f"{office.people()[1]}@example.test"))
    answer = post(office, text, user)
    if answer.raw and "GetStreamingEvents" in text:
        content = b""
        while b"</s:Envelope>" not in content:
            content += answer.raw.read1(4096, decode_content=True) if hasattr(answer.raw, "read1") else next(answer.iter_content(1))
        answer.close()
        root = etree.fromstring(content[: content.index(b"</s:Envelope>") + 13])
    else:
        root = etree.fromstring(answer.content)
    expected = OTHERWISE.get(name, codes(etree.parse(str(directory / f"{name}-res.xml")).getroot()))
    assert answer.status_code == 200, answer.text[:500]
    assert codes(root) == expected, etree.tostring(root).decode()[:1500]


@pytest.mark.parametrize("name, path", [("95-autodiscover-soap", "autodiscover.svc"), ("96-autodiscover-pox", "autodiscover.xml")])
def test_autodiscover_answers_as_in_its_sample(office, name, path):
    text = (schemas.directory() / "samples" / f"{name}-req.xml").read_text().replace("owner@example.test", office.first().primary_smtp_address)
    answer = requests.post(f"{office.sandbox.base}/autodiscover/{path}", data=text.encode(), auth=(office.first().primary_smtp_address, "sandbox-user"),
                           headers={"Content-Type": "text/xml; charset=utf-8"}, timeout=30)
    root = etree.fromstring(answer.content)
    golden = etree.parse(str(schemas.directory() / "samples" / f"{name}-res.xml")).getroot()

    def leaves(element):
        return {etree.QName(part).localname for part in element.iter()} - {"AuthPackage", "SSL"}

    assert leaves(golden) - leaves(root) == set()
    assert f"{office.sandbox.base}/EWS/Exchange.asmx" in {part.text for part in root.iter() if etree.QName(part).localname in ("EwsUrl", "Value")}
    assert requests.post(f"{office.sandbox.base}/autodiscover/{path}", data=text.encode(), timeout=30).status_code == 401
