"""exchangelib acts in other people's mailboxes of the sandbox: with full access, as a delegate, by impersonation; and reads the category list."""

import exchangelib
import pytest
from exchangelib import Contact
from exchangelib.errors import (
    ErrorAccessDenied, ErrorDelegateAlreadyExists, ErrorImpersonateUserDenied, ErrorItemNotFound, ErrorNonExistentMailbox, ErrorNotDelegate,
    UnauthorizedError)
from exchangelib.properties import DelegatePermissions, DelegateUser, UserId
from exchangelib.services import CreateItem, GetDelegate, GetFolder
from exchangelib.util import create_element
from lxml import etree

from strangers import steps

step, delegated, categories = (steps("exchangelib", subject) for subject in ("full access and impersonation", "delegates", "categories"))
DELEGATE = ("concord-sync@example.test", "sandbox-delegate")


def account(office, address, user, password, access):
    return exchangelib.Account(
        address, access_type=access, autodiscover=False,
        config=exchangelib.Configuration(
            service_endpoint=f"{office.sandbox.base}/EWS/Exchange.asmx", auth_type=exchangelib.transport.BASIC,
            credentials=exchangelib.Credentials(user, password), version=exchangelib.Version(build=exchangelib.version.EXCHANGE_2016)))


@pytest.fixture(scope="module")
def addresses(office):
    return [f"{name}@example.test" for name in office.people()]


def test_full_access_reaches_every_mailbox(office, addresses):
    for address in addresses:
        with step("read and write with full access"):
            other = account(office, address, *DELEGATE, exchangelib.DELEGATE)
            made = Contact(account=other, folder=other.contacts, display_name="By the delegate", given_name="By").save()
            assert office.account(address.split("@")[0]).contacts.get(id=made.id).given_name == "By"
            made.delete()


def test_impersonation_acts_as_the_owner(office, addresses):
    with step("read and write by impersonation"):
        other = account(office, addresses[0], *DELEGATE, exchangelib.IMPERSONATION)
        made = Contact(account=other, folder=other.contacts, display_name="Impersonated", given_name="Im").save()
        assert office.first().contacts.get(id=made.id).given_name == "Im"
    with step("an impersonated owner's deletes go to the trash"):
        made.move_to_trash()
        assert office.first().trash.filter(given_name="Im").count() == 1
    with step("impersonating one mailbox does not open another"):
        other.root  # signed in as the first
        items = account(office, addresses[1], *DELEGATE, exchangelib.DELEGATE).contacts.all().only("display_name")[:1]
        ids = [(item.id, item.changekey) for item in items]
        with pytest.raises(ErrorAccessDenied):
            assert ids and list(other.fetch(ids, only_fields=["display_name"]))
    with step("an unknown mailbox is refused"):
        with pytest.raises(ErrorNonExistentMailbox):
            account(office, "nobody@example.test", *DELEGATE, exchangelib.IMPERSONATION).contacts.all().count()
    with step("who has no right to impersonate is refused"):
        with pytest.raises(ErrorImpersonateUserDenied):
            account(office, addresses[1], addresses[0], "sandbox-user", exchangelib.IMPERSONATION).contacts.all().count()


def test_a_wrong_password_is_refused(office, addresses):
    with step("wrong password"):
        with pytest.raises(UnauthorizedError):
            account(office, addresses[0], addresses[0], "wrong", exchangelib.DELEGATE).contacts.all().count()


def test_another_employee_is_refused_until_made_a_delegate(office, addresses):
    owner = office.first()
    with delegated("no delegates yet"):
        assert owner.delegates == []
    with delegated("another's folder is closed"):
        with pytest.raises(ErrorAccessDenied):
            account(office, addresses[0], addresses[1], "sandbox-user", exchangelib.DELEGATE).contacts.all().count()
    user = DelegateUser(
        user_id=UserId(primary_smtp_address=addresses[1]), view_private_items=True, receive_copies_of_meeting_messages=False,
        delegate_permissions=DelegatePermissions(contacts_folder_permission_level="Editor", tasks_folder_permission_level="Reviewer"))
    with delegated("make somebody a delegate"):
        send(owner, "AddDelegate", user)
        found = owner.delegates
        assert [(d.user_id.primary_smtp_address, d.view_private_items) for d in found] == [(addresses[1], True)]
        levels = found[0].delegate_permissions
        assert (levels.contacts_folder_permission_level, levels.tasks_folder_permission_level, levels.calendar_folder_permission_level) == ("Editor", "Reviewer", "None")
    with delegated("not twice"):
        with pytest.raises(ErrorDelegateAlreadyExists):
            send(owner, "AddDelegate", user)
    other = account(office, addresses[0], addresses[1], "sandbox-user", exchangelib.DELEGATE)
    with delegated("an editor writes and reads"):
        item = create(other, Contact(display_name="Editor", given_name="Ed"), owner.contacts)
        assert owner.contacts.get(id=item.id).given_name == "Ed"
        assert [found.given_name for found in other.fetch([(item.id, None)], folder=owner.contacts)] == ["Ed"]
    with delegated("a reviewer reads and does not write"):
        task = exchangelib.Task(account=owner, folder=owner.tasks, subject="To be seen").save()
        assert [found.subject for found in other.fetch([(task.id, None)], folder=owner.tasks)] == ["To be seen"]
        with pytest.raises(ErrorAccessDenied):
            create(other, exchangelib.Task(subject="No"), owner.tasks)
        task.delete()
    with delegated("the other folders stay closed"):
        answers = list(GetFolder(account=other).call(folders=[owner.calendar], additional_fields=[], shape="IdOnly"))
        assert len(answers) == 1 and isinstance(answers[0], ErrorAccessDenied)
    owner.contacts.get(id=item.id).delete()
    with delegated("no delegate any more"):
        send(owner, "RemoveDelegate", user)
        assert owner.delegates == []
        with pytest.raises(ErrorNotDelegate):
            send(owner, "RemoveDelegate", user)


def create(account, item, folder):
    """Makes an item in a folder that the account can see and that is not its own."""
    item.account = account
    seen = type(folder)(root=exchangelib.folders.Root(account=account), _id=folder._id)
    return CreateItem(account=account).get(
        items=[item], folder=seen, message_disposition="SaveOnly", send_meeting_invitations="SendToNone")


class ChangeDelegates(GetDelegate):
    """exchangelib reads delegates only; its transport carries the changes."""

    def change(self, user):
        operation = self.SERVICE_NAME
        payload = create_element(f"m:{operation}")
        mailbox = etree.SubElement(payload, etree.QName(etree.QName(payload).namespace, "Mailbox"))
        types = "http://schemas.microsoft.com/exchange/services/2006/types"
        etree.SubElement(mailbox, f"{{{types}}}EmailAddress").text = self.account.primary_smtp_address
        if operation == "RemoveDelegate":
            users = create_element("m:UserIds")
            identity = etree.SubElement(users, f"{{{types}}}UserId")
            etree.SubElement(identity, f"{{{types}}}PrimarySmtpAddress").text = user.user_id.primary_smtp_address
        else:
            users = create_element("m:DelegateUsers")
            made = user.to_xml(version=self.account.version)
            made.tag = f"{{{types}}}DelegateUser"
            users.append(made)
        payload.append(users)
        if operation == "AddDelegate":
            deliver = create_element("m:DeliverMeetingRequests")
            deliver.text = "DelegatesAndMe"
            payload.append(deliver)
        for answer in self._get_elements(payload=payload):
            if isinstance(answer, Exception):
                raise answer


def send(owner, operation, user):
    type(operation, (ChangeDelegates,), {"SERVICE_NAME": operation})(account=owner).change(user)


CATEGORIES = (
    '<?xml version="1.0"?><categories default="ERP" lastSavedSession="5" lastSavedTime="2026-01-01T08:00:00.000" xmlns="CategoryList.xsd">'
    '<category name="ERP" color="7" keyboardShortcut="0" guid="{2C8C0B1A-5A0E-4B5F-9F6E-3F0C0E7B7C11}"/></categories>').encode()


def test_the_category_list_is_a_user_configuration(office):
    owner = office.first(1)
    calendar = owner.calendar
    with categories("a missing configuration"):
        with pytest.raises(ErrorItemNotFound):
            calendar.get_user_configuration(name="NothingOfTheKind")
    with categories("create the category list"):
        calendar.create_user_configuration(name="CategoryList", xml_data=CATEGORIES)
        assert calendar.get_user_configuration(name="CategoryList").xml_data == CATEGORIES
    with categories("change it"):
        changed = CATEGORIES.replace(b'color="7"', b'color="4"')
        calendar.update_user_configuration(name="CategoryList", xml_data=changed)
        assert calendar.get_user_configuration(name="CategoryList").xml_data == changed
    with categories("delete it"):
        calendar.delete_user_configuration(name="CategoryList")
        with pytest.raises(ErrorItemNotFound):
            calendar.get_user_configuration(name="CategoryList")
    with categories("a configuration with a dictionary and bytes"):
        calendar.create_user_configuration(name="concordfs.test", dictionary={"count": 3, "name": "Zoë", "on": True}, binary_data=b"\x00\x01\xff")
        found = calendar.get_user_configuration(name="concordfs.test")
        assert found.dictionary == {"count": 3, "name": "Zoë", "on": True} and found.binary_data == b"\x00\x01\xff"
