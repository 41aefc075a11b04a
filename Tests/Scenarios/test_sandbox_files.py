"""The sandbox's ERP keeps email activities and their files as the contract says, seen by plain HTTP."""

import socket
import urllib.parse

import pytest
import requests


def put_email(world, **fields):
    answer = world.erp.session.put(f"{world.erp.root}/Email", json={
        name: {"value": value} for name, value in fields.items()})
    answer.raise_for_status()
    return answer.json()


def test_an_email_with_files(world):
    made = put_email(world, Subject="Offer", Body="<p>12 units</p>", To="a@x.test; b@y.test", note="remember")
    assert made["MailStatus"]["value"] == "Draft" and made["Incoming"]["value"] is False and made["note"]["value"] == "remember"
    content = bytes(range(256)) * 300
    address = made["_links"]["files:put"].replace("{filename}", "prices%202026.bin")
    answer = world.erp.session.put(world.erp.base + address, data=content, headers={"PX-CbFileComment": "as sent"})
    assert answer.status_code == 204
    assert world.erp.session.get(world.erp.base + answer.headers["Location"]).content == content
    other = world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/note.txt", data=b"n")
    assert other.status_code == 204
    read = world.erp.session.get(f"{world.erp.root}/Email/{made['id']}", params={"$expand": "files"}).json()
    assert [file["filename"].rsplit("\\", 1)[-1] for file in read["files"]] == ["prices 2026.bin", "note.txt"]
    assert read["files"][0]["comment"] == "as sent"
    assert world.erp.session.get(world.erp.base + read["files"][0]["href"]).content == content
    assert "files" not in world.erp.session.get(f"{world.erp.root}/Email/{made['id']}").json()


def test_a_file_of_the_same_name_is_a_new_revision(world):
    made = put_email(world, Subject="Twice")
    for content in (b"one", b"two"):
        assert world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/a.txt", data=content).status_code == 204
    read = world.erp.session.get(f"{world.erp.root}/Email/{made['id']}", params={"$expand": "files"}).json()
    assert len(read["files"]) == 1
    assert world.erp.session.get(world.erp.base + read["files"][0]["href"]).content == b"two"


def test_what_the_form_refuses(world):
    with pytest.raises(requests.HTTPError) as refused:
        put_email(world, Subject="x" * 999)
    assert refused.value.response.status_code == 422
    with pytest.raises(requests.HTTPError):
        put_email(world, MailStatus="Sent")
    made = put_email(world, Subject="Big")
    assert world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/big.bin", data=bytes((25 << 20) + 1)).status_code == 500
    assert world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/a%3Ab.bin", data=b"x").status_code == 500
    world.erp.session.cookies.clear()
    assert world.erp.session.put(f"{world.erp.root}/Email/{made['id']}/files/a.bin", data=b"x").status_code == 401


def test_the_related_contact_is_named(world):
    contact = world.erp.contacts(top=1)[0]
    made = put_email(world, Subject="Related", RelatedEntityType="PX.Objects.CR.Contact", RelatedEntityNoteID=contact["id"])
    assert made["RelatedEntityDescription"]["value"] == contact["DisplayName"]["value"]


@pytest.mark.parametrize("length", [100, 5_000, 5_000_000])
@pytest.mark.parametrize("sent", [0, 50])
def test_a_request_that_ends_in_the_middle_does_nothing(world, length, sent):
    """A client that is killed while it sends: a file must not come out shorter than it was."""
    made = put_email(world, Subject=f"Cut off {length} {sent}")
    host, port = world.erp.base.removeprefix("http://").split(":")
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in world.erp.session.cookies)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"PUT {urllib.parse.urlsplit(world.erp.root).path}/Email/{made['id']}/files/a.bin HTTP/1.1\r\nHost: {host}\r\n"
            f"Cookie: {cookies}\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n".encode() + b"x" * sent)
        connection.shutdown(socket.SHUT_WR)
        answered = connection.recv(65536)
    assert b" 204 " not in answered
    read = world.erp.session.get(f"{world.erp.root}/Email/{made['id']}", params={"$expand": "files"}).json()
    assert read["files"] == []
