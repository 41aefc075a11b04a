"""A client that zeep generates from Exchange's published WSDL works with the sandbox: every reply is read strictly by the schema's types.

zeep knows no substitution groups, by which restrictions and changes are written, and cannot make a Message: those are left to exchangelib."""

import pytest
import requests
import schemas
from strangers import steps

pytestmark = pytest.mark.skipif(not schemas.directory(), reason="the WSDL (../shared/reference) is not here")
step = steps("zeep", "generated from the WSDL")
VERSION = {"RequestVersion": {"Version": "Exchange2013_SP1"}}


class Service:
    """Calls operations as the generated client offers them, and gives the first response message."""

    def __init__(self, base, user, password):
        zeep = pytest.importorskip("zeep")
        session = requests.Session()
        session.auth = (user, password)
        self.client = zeep.Client(str(schemas.directory() / "services.wsdl"), transport=zeep.transports.Transport(session=session))
        self.service = self.client.create_service(next(iter(self.client.wsdl.bindings)), f"{base}/EWS/Exchange.asmx")

    def __call__(self, operation, _headers=VERSION, **parameters):
        body = self.service[operation](_soapheaders=_headers, **parameters)["body"]
        return next(iter(body["ResponseMessages"]["_value_1"][0].values()))


@pytest.fixture(scope="module")
def service(office):
    return Service(office.sandbox.base, f"{office.people()[0]}@example.test", "sandbox-user")


def folder(name):
    return {"_value_1": [{"DistinguishedFolderId": {"Id": name}}]}


def first(message, kind):
    return message["Items"]["_value_1"][0][kind]


def named(item):
    return {"Id": item["ItemId"]["Id"], "ChangeKey": item["ItemId"]["ChangeKey"]}


def created(service, kind, target, **fields):
    return service(
        "CreateItem", MessageDisposition="SaveOnly", SendMeetingInvitations="SendToNone", SavedItemFolderId={"DistinguishedFolderId": {"Id": target}},
        Items={"_value_1": [{kind: fields}]})


def read(service, kind, identity, shape="AllProperties"):
    return first(service("GetItem", ItemShape={"BaseShape": shape}, ItemIds={"_value_1": [{"ItemId": identity}]}), kind)


def test_folders(service):
    with step("GetFolder"):
        message = service("GetFolder", FolderShape={"BaseShape": "AllProperties"}, FolderIds=folder("contacts"))
        found = message["Folders"]["_value_1"][0]["ContactsFolder"]
        assert message["ResponseCode"] == "NoError" and found["DisplayName"] == "Contacts" and found["TotalCount"] >= 0
    with step("FindFolder"):
        view = {"Offset": 0, "BasePoint": "Beginning"}
        root = service("FindFolder", Traversal="Deep", FolderShape={"BaseShape": "Default"}, ParentFolderIds=folder("msgfolderroot"), IndexedPageFolderView=view)["RootFolder"]
        assert {"Inbox", "Calendar", "Tasks"} <= {entry["DisplayName"] for choice in root["Folders"]["_value_1"] for entry in choice.values()}
    with step("SyncFolderHierarchy"):
        message = service("SyncFolderHierarchy", FolderShape={"BaseShape": "IdOnly"}, SyncFolderId={"DistinguishedFolderId": {"Id": "msgfolderroot"}})
        assert message["SyncState"] and message["IncludesLastFolderInRange"] is True
    with step("an unknown folder"):
        message = service("GetFolder", FolderShape={"BaseShape": "IdOnly"}, FolderIds={"_value_1": [{"FolderId": {"Id": "QUFB"}}]})
        assert message["ResponseCode"] in ("ErrorFolderNotFound", "ErrorInvalidIdMalformed", "ErrorItemNotFound")


def test_a_contact_from_beginning_to_end(service):
    target = {"DistinguishedFolderId": {"Id": "contacts"}}
    state = None
    while True:
        message = service("SyncFolderItems", ItemShape={"BaseShape": "IdOnly"}, SyncFolderId=target, SyncState=state, MaxChangesReturned=100)
        state = message["SyncState"]
        if message["IncludesLastItemInRange"]:
            break
    with step("CreateItem"):
        message = created(service, "Contact", "contacts", GivenName="Zoë", Surname="Generated", EmailAddresses={"Entry": [{"_value_1": "zoe@example.test", "Key": "EmailAddress1"}]})
        assert message["ResponseCode"] == "NoError"
        identity = named(first(message, "Contact"))
    with step("SyncFolderItems"):
        message = service("SyncFolderItems", ItemShape={"BaseShape": "IdOnly"}, SyncFolderId=target, SyncState=state, MaxChangesReturned=100)
        changes = message["Changes"]["_value_1"]
        assert [next(iter(change)) for change in changes] == ["Create"] and changes[0]["Create"]["Contact"]["ItemId"]["Id"] == identity["Id"]
    with step("GetItem"):
        found = read(service, "Contact", identity)
        assert (found["GivenName"], found["Surname"], found["EmailAddresses"]["Entry"][0]["_value_1"]) == ("Zoë", "Generated", "zoe@example.test")
    with step("DeleteItem"):
        message = service("DeleteItem", DeleteType="HardDelete", ItemIds={"_value_1": [{"ItemId": identity}]})
        assert message["ResponseCode"] == "NoError"
        gone = service("GetItem", ItemShape={"BaseShape": "IdOnly"}, ItemIds={"_value_1": [{"ItemId": identity}]})
        assert gone["ResponseCode"] == "ErrorItemNotFound"


@pytest.mark.parametrize(("kind", "target", "fields"), [
    ("Task", "tasks", dict(Subject="Generated", Status="InProgress", PercentComplete=40.0)),
    ("CalendarItem", "calendar", dict(Start="2027-03-01T09:00:00Z", End="2027-03-01T10:00:00Z", Location="Room 1")),
])
def test_other_kinds_of_items(service, kind, target, fields):
    with step(f"{kind}: create, read all properties, attach, delete"):
        identity = named(first(created(service, kind, target, **fields), kind))
        found = read(service, kind, identity)
        assert {name: found[name] for name in ("Subject", "Location", "Status") if name in fields} == {
            name: value for name, value in fields.items() if name in ("Subject", "Location", "Status")}
        files = {"_value_1": [{"FileAttachment": {"Name": "a.bin", "Content": b"\x00\x01\xff"}}]}
        message = service("CreateAttachment", ParentItemId=identity, Attachments=files)
        attached = message["Attachments"]["_value_1"][0]["FileAttachment"]["AttachmentId"]["Id"]
        message = service("GetAttachment", AttachmentIds={"_value_1": [{"AttachmentId": {"Id": attached}}]})
        assert message["Attachments"]["_value_1"][0]["FileAttachment"]["Content"] == b"\x00\x01\xff"
        message = service(
            "DeleteItem", DeleteType="HardDelete", SendMeetingCancellations="SendToNone", AffectedTaskOccurrences="AllOccurrences",
            ItemIds={"_value_1": [{"ItemId": {"Id": identity["Id"]}}]})
        assert message["ResponseCode"] == "NoError"


def test_what_else_a_client_asks(service):
    with step("ResolveNames"):
        message = service("ResolveNames", ReturnFullContactData=False, UnresolvedEntry="alice")
        assert message["ResolutionSet"]["Resolution"][0]["Mailbox"]["EmailAddress"] == "alice@example.test"
    with step("GetServerTimeZones"):
        message = service("GetServerTimeZones", ReturnFullTimeZoneData=False, Ids={"Id": ["W. Europe Standard Time"]})
        assert message["TimeZoneDefinitions"]["_value_1"][0]["TimeZoneDefinition"]["Id"] == "W. Europe Standard Time"
    with step("without a version of the schema"):
        message = service("GetFolder", _headers=None, FolderShape={"BaseShape": "IdOnly"}, FolderIds=folder("inbox"))
        assert message["ResponseCode"] == "NoError"
    with step("a bad sync state"):
        message = service("SyncFolderItems", ItemShape={"BaseShape": "IdOnly"}, SyncFolderId={"DistinguishedFolderId": {"Id": "contacts"}}, SyncState="QUFB", MaxChangesReturned=10)
        assert message["ResponseCode"] == "ErrorInvalidSyncStateData"
