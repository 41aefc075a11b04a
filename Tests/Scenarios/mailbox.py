"""Mailboxes through exchangelib, as their owners."""

import html
import re

import exchangelib
from exchangelib import ExtendedProperty


class ErpRecordId(ExtendedProperty):
    property_set_id = "b6d0c4a2-7f5e-4c1b-9a38-2e61d07fc95a"
    property_name = "ErpRecordId"
    property_type = "String"


for item_class in (exchangelib.Contact, exchangelib.Task, exchangelib.CalendarItem, exchangelib.Message):
    item_class.register("erp_record_id", ErpRecordId)


def account(base, address, password="sandbox-user", user=None):
    return exchangelib.Account(
        address, access_type=exchangelib.DELEGATE, autodiscover=False,
        config=exchangelib.Configuration(
            service_endpoint=f"{base}/EWS/Exchange.asmx", auth_type=exchangelib.transport.BASIC,
            credentials=exchangelib.Credentials(user or address, password),
            version=exchangelib.Version(build=exchangelib.version.EXCHANGE_2016)))


def folder(account, name):
    """A folder of the mailbox by its name; a mailbox's own one too. Read afresh, as folders come and go."""
    account.root.clear_cache()
    return account.msg_folder_root / name


def folder_or_nothing(account, name):
    """The items of a folder that may not be there."""
    try:
        return list(folder(account, name).all())
    except exchangelib.errors.ErrorFolderNotFound:
        return []


def contacts(account, name="ERP Contacts"):
    return list(folder(account, name).all())


def by_surname(account, surname, name="ERP Contacts"):
    return [item for item in contacts(account, name) if item.surname == surname]


def plain(text):
    """What a body of HTML says."""
    if text is None:
        return None
    body = re.sub(r"<head>.*?</head>", "", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>|</p>|</li>", "\n", body))).strip()
