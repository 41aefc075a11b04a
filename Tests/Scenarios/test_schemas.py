"""The judges can say no: an invalid message or body is found."""

import json

import pytest

import erp_schemas
import schemas

pytestmark = pytest.mark.skipif(not schemas.directory(), reason="the schemas (../shared/reference) are not here")

ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
  xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/></s:Header>
  <s:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="contacts"/></m:FolderIds>
  </m:GetFolder></s:Body></s:Envelope>"""


@pytest.mark.parametrize("old, new", [
    ("IdOnly", "Everything"), ('Id="contacts"', 'Id="kontakte"'), ("Exchange2013_SP1", "Exchange3000"), ("m:FolderShape", "m:ItemShape"), ("</s:Body>", ""),
])
def test_an_invalid_ews_message_is_found(tmp_path, old, new):
    path = tmp_path / "000001-GetFolder-req.xml"
    path.write_text(ENVELOPE)
    assert schemas.faults(path) == []
    path.write_text(ENVELOPE.replace(old, new))
    assert schemas.faults(path)


def exchange(request, reply, status=200):
    return {"method": "PUT", "path": "/entity/Default/24.200.001/Contact", "query": "", "request": json.dumps(request), "status": status,
            "reply": json.dumps(reply)}


GOOD = {"id": "d6f3b1de-5a1b-4d3c-9d7a-3a2b1c0d9e8f", "LastName": {"value": "A"}, "ContactID": {"value": 7}, "Address": {"City": {"value": "B"}}}


@pytest.mark.parametrize("fault", [
    {"ContactID": {"value": "seven"}}, {"LastName": "A"}, {"Lastname": {"value": "A"}}, {"Address": {"Town": {"value": "B"}}}, {"id": 12}, {"Address": []},
])
def test_an_invalid_erp_body_is_found(fault):
    assert erp_schemas.faults(exchange(GOOD, GOOD)) == (2, "Contact", [])
    for request, reply in ((GOOD | fault, GOOD), (GOOD, GOOD | fault)):
        assert erp_schemas.faults(exchange(request, reply))[2]
