"""DavMail stands between the sandbox and clients of CardDAV and IMAP: contacts and messages go both ways. Its calendars need iCalendar as an
event's MIME content, which the sandbox does not have."""

import imaplib
import pathlib
import subprocess

import front
import pytest
import requests
import vobject
from processes import until
from strangers import steps

JAR = pathlib.Path("/usr/share/davmail/davmail.jar")
pytestmark = pytest.mark.skipif(not JAR.exists(), reason="Debian's davmail-server is not installed")
contacts, mail = steps("DavMail", "contacts by CardDAV"), steps("DavMail", "messages by IMAP")
SIGN_IN = ("alice@example.test", "sandbox-user")
CARD = ("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-1\r\nN:Östergård;Zoë;;;\r\nFN:Zoë Östergård\r\nORG:Ærø\r\nTITLE:Chef\r\nEMAIL;TYPE=work:zoe@example.test\r\n"
        "TEL;TYPE=cell:+45 1\r\nNOTE:Line one\\nLine two\r\nEND:VCARD\r\n")
CONTENT = b"From: x@outside.test\r\nTo: alice@example.test\r\nSubject: By IMAP\r\nMessage-ID: <imap@outside.test>\r\n\r\nHallo\r\n"


class DavMail:
    """DavMail's server on free ports of loopback."""

    def __init__(self, directory, base):
        self.dav, self.imap = front.free_port(), front.free_port()
        settings = {
            "server": "true", "mode": "EWS", "url": f"{base}/ews/exchange.asmx", "caldavPort": self.dav, "imapPort": self.imap, "bindAddress": "127.0.0.1",
            "allowRemote": "false", "disableUpdateCheck": "true", "logFilePath": directory / "davmail.log"}
        path = directory / "davmail.properties"
        path.write_text("".join(f"davmail.{name}={value}\n" for name, value in settings.items()))
        with open(directory / "davmail.out", "wb") as output:
            self.process = subprocess.Popen(["java", "-jar", str(JAR), "-server", str(path)], stdout=output, stderr=subprocess.STDOUT)
        until(self.answers, "start of DavMail", process=self.process)

    def answers(self):
        try:
            return self.request("OPTIONS", "").status_code
        except requests.ConnectionError:
            return None

    def request(self, method, path, text=None, **headers):
        address = f"http://127.0.0.1:{self.dav}/users/{SIGN_IN[0]}/{path}"
        answer = requests.request(method, address, data=text and text.encode(), auth=SIGN_IN, headers=headers, timeout=120)
        answer.encoding = "utf-8"
        return answer

    def close(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def davmail(office, tmp_path_factory):
    server = DavMail(tmp_path_factory.mktemp("davmail"), office.sandbox.base)
    yield server
    server.close()


def test_contacts(davmail, office):
    alice = office.first()
    with contacts("put a card"):
        answer = davmail.request("PUT", "contacts/card-1.vcf", CARD, **{"Content-Type": "text/vcard; charset=utf-8"})
        assert answer.status_code == 201, answer.text
        item = alice.contacts.get(surname="Östergård")
        assert (item.given_name, item.job_title, item.company_name, item.email_addresses[0].email) == ("Zoë", "Chef", "Ærø", "zoe@example.test")
    with contacts("get the card"):
        card = vobject.readOne(davmail.request("GET", "contacts/card-1.vcf").text)
        assert (card.fn.value, card.title.value, card.email.value, card.note.value) == ("Zoë Östergård", "Chef", "zoe@example.test", "Line one\nLine two")
    with contacts("see another's change"):
        item.job_title = "Boss"
        item.save(update_fields=["job_title"])
        assert vobject.readOne(davmail.request("GET", "contacts/card-1.vcf").text).title.value == "Boss"
    with contacts("delete the card"):
        assert davmail.request("DELETE", "contacts/card-1.vcf").status_code == 200
        assert davmail.request("GET", "contacts/card-1.vcf").status_code == 404 and not alice.contacts.filter(surname="Östergård").exists()


def test_messages(davmail, office):
    alice = office.first()
    with mail("sign in and list the folders"):
        client = imaplib.IMAP4("127.0.0.1", davmail.imap)
        client.login(*SIGN_IN)
        assert b"Drafts" in b" ".join(client.list()[1])
    with mail("append"):
        assert client.append("INBOX", "(\\Seen)", None, CONTENT)[0] == "OK"
        item = alice.inbox.get(subject="By IMAP")
        assert item.mime_content == CONTENT and item.is_read and not item.is_draft
    with mail("find and fetch"):
        client.select("INBOX")
        number, = client.search(None, "SUBJECT", '"By IMAP"')[1][0].split()
        fetched = client.fetch(number, "(FLAGS BODY[])")[1]
        assert fetched[0][1] == CONTENT and b"\\Seen" in fetched[0][0]
    with mail("mark as unread"):
        client.store(number, "-FLAGS", "(\\Seen)")
        assert alice.inbox.get(subject="By IMAP").is_read is False
    with mail("delete"):
        client.store(number, "+FLAGS", "(\\Deleted)")
        client.expunge()
        assert not alice.inbox.filter(subject="By IMAP").exists()
    client.logout()
