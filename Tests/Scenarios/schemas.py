"""Validates the sandbox's recorded EWS traffic against the published schema, which is not part of this repository."""

import base64
import functools
import os
import pathlib

from lxml import etree

from tally import Tally

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"


def directory():
    """Where the schemas lie; None where they are missing."""
    shared = pathlib.Path(os.environ.get("CONCORDFS_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
    ews = shared / "reference" / "ews"
    return ews if (ews / "messages.xsd").exists() else None


@functools.cache
def schema(name):
    return etree.XMLSchema(etree.parse(str(directory() / name)))


def faults(path):
    """What is invalid in one recorded request or reply."""
    try:
        root = etree.parse(str(path), etree.XMLParser(huge_tree=True)).getroot()
    except etree.XMLSyntaxError as error:
        return [f"{path.name}: no XML: {error}"]
    parts = [(element, "types.xsd") for element in root.find(f"{SOAP}Header") if etree.QName(element).namespace == TYPES] \
        if root.find(f"{SOAP}Header") is not None else []
    body = root.find(f"{SOAP}Body")[0]
    if body.tag != f"{SOAP}Fault":
        parts.append((body, "messages.xsd"))
    parts += [(etree.fromstring(base64.b64decode(data.text)), "categorylist.xsd") for data in body.iter(f"{{{TYPES}}}XmlData")
              if data.text and data.getparent().find(f"{{{TYPES}}}UserConfigurationName").get("Name") == "CategoryList"]
    found = []
    for element, name in parts:
        alone = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(huge_tree=True))
        # On the wire Exchange puts m:Notification into m:Notifications; the schema says t:Notification.
        for notification in alone.iterfind(f".//{{{MESSAGES}}}Notifications/{{{MESSAGES}}}Notification"):
            notification.tag = f"{{{TYPES}}}Notification"
        if not schema(name).validate(alone):
            found.append(f"{path.name}: {schema(name).error_log[0].message}\n{etree.tostring(alone).decode()[:2000]}")
    return found


class Report(Tally):
    """Counts over a whole run."""

    messages = 0
    operations = set()
    invalid = []

    @classmethod
    def check(cls, traffic):
        for path in sorted(pathlib.Path(traffic).glob("*.xml")):
            cls.messages += 1
            cls.operations.add(path.name.split("-")[1])
            found = faults(path)
            cls.invalid += found
            if found:
                raise AssertionError("not valid against messages.xsd: " + found[0])
