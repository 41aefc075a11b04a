"""easy-acumatica works with the sandbox's ERP as with any site: it signs in, builds itself from swagger.json, reads, writes, attaches, acts."""

import datetime

import pytest
from easy_acumatica import AcumaticaClient
from easy_acumatica.exceptions import AcumaticaError
from easy_acumatica.odata import F, QueryOptions

from strangers import steps

signing, step, lists, records, files, actions = (
    steps("easy-acumatica", subject) for subject in (
        "sign-in", "swagger", "list with filters", "get, put, delete", "files", "actions"))


@pytest.fixture(scope="module")
def client(office, tmp_path_factory):
    made = connect(office, tmp_path_factory.mktemp("easy"))
    yield made
    made.close()


def connect(office, directory, **changed):
    return AcumaticaClient(**{
        **dict(base_url=office.sandbox.base, username="concord", password="sandbox-erp", tenant="Company", endpoint_name="Default",
               endpoint_version="24.200.001", rate_limit_calls_per_second=1000.0, cache_dir=directory),
        **changed})


def wrapped(**fields):
    return {name: {"value": value} for name, value in fields.items()}


def values(record, *names):
    return tuple(record[name].get("value") for name in names)


def test_signing_in_and_building_from_the_description(client, office, tmp_path):
    with step("sign in and build services from swagger.json"):
        assert {"Contact", "Task", "Event", "Email", "Activity", "Employee"} <= set(client.list_services())
    with step("models from swagger.json"):
        model = client.models.Contact(FirstName="Model", LastName="Made")
        assert model.to_acumatica_payload()["LastName"] == {"value": "Made"}
    with signing("a wrong password is refused"):
        with pytest.raises(AcumaticaError):
            connect(office, tmp_path, password="wrong")
    with step("endpoints"):
        assert client.endpoints["Default"]["version"] >= "24.200.001"


def test_lists_with_filters(client):
    with lists("a list"):
        everything = client.contact.get_list()
        assert len(everything) == 60 and all(record["ContactID"]["value"] for record in everything)
    first = everything[0]
    last, identity = first["LastName"]["value"], first["id"]
    with lists("filter: equal"):
        found = client.contact.get_list(QueryOptions(filter=F.LastName == last))
        assert identity in [record["id"] for record in found] and {record["LastName"]["value"] for record in found} == {last}
    with lists("filter: and, or, not equal"):
        found = client.contact.get_list(QueryOptions(filter=(F.LastName == last) & (F.ContactID == first["ContactID"]["value"])))
        assert [record["id"] for record in found] == [identity]
        assert len(client.contact.get_list(QueryOptions(filter=(F.LastName == last) | (F.LastName != last)))) == 60
    with lists("filter: substringof, startswith"):
        assert identity in [record["id"] for record in client.contact.get_list(QueryOptions(filter=F.LastName.startswith(last[:2])))]
        assert identity in [record["id"] for record in client.contact.get_list(QueryOptions(filter=F.LastName.substringof(last[1:])))]
    with lists("filter: a time"):
        since = first["LastModifiedDateTime"]["value"]
        newer = client.contact.get_list(QueryOptions(filter=f"LastModifiedDateTime gt datetimeoffset'{since}'"))
        assert len(newer) == sum(record["LastModifiedDateTime"]["value"] > since for record in everything)
        assert client.contact.get_list(QueryOptions(filter=F.LastModifiedDateTime > datetime.datetime(2099, 1, 1))) == []
    with lists("select"):
        assert set(client.contact.get_list(QueryOptions(select=["LastName"], top=1))[0]) >= {"id", "LastName"}
        assert "FirstName" not in client.contact.get_list(QueryOptions(select=["LastName"], top=1))[0]
    with lists("top and skip over all"):
        pages = [client.contact.get_list(QueryOptions(top=25, skip=skip)) for skip in (0, 25, 50, 75)]
        assert [len(page) for page in pages] == [25, 25, 10, 0]
        assert {record["id"] for page in pages for record in page} == {record["id"] for record in everything}
    with lists("expand"):
        assert "Address" not in everything[0] and "City" in client.contact.get_list(QueryOptions(expand=["Address"], top=1))[0]["Address"]
    with lists("an unknown field in a filter is refused"):
        with pytest.raises(AcumaticaError):
            client.contact.get_list(QueryOptions(filter=F.NoSuchField == 1))


def test_put_get_delete(client):
    with records("put a new contact"):
        made = client.contact.put_entity({**wrapped(FirstName="Zoë", LastName="Östergård", Email="zoe@example.test"), "Address": wrapped(City="Ærø")},
                                         QueryOptions(expand=["Address"]))
        assert values(made, "FirstName", "LastName", "Email") == ("Zoë", "Östergård", "zoe@example.test") and made["Address"]["City"]["value"] == "Ærø"
    key = made["ContactID"]["value"]
    with records("get by id and by key"):
        assert client.contact.get_by_id(made["id"])["ContactID"]["value"] == key
        assert client.contact.get_by_keys(ContactID=key)["id"] == made["id"]
    with records("put a change by id, by key, by a model"):
        assert values(client.contact.put_entity({"id": made["id"], **wrapped(JobTitle="Chef")}), "JobTitle", "LastName") == ("Chef", "Östergård")
        assert values(client.contact.put_entity(wrapped(ContactID=key, JobTitle="Köchin")), "JobTitle") == ("Köchin",)
        changed = client.contact.put_entity(client.models.Contact(ContactID=key, LastName="Modelled"))
        assert changed["id"] == made["id"] and values(changed, "LastName") == ("Modelled",)
    with records("a missing last name is refused"):
        with pytest.raises(AcumaticaError) as refusal:
            client.contact.put_entity(wrapped(FirstName="Nameless"))
        assert refusal.value.status_code == 422
    with records("a value outside the list is refused"):
        with pytest.raises(AcumaticaError):
            client.contact.put_entity(wrapped(ContactID=key, Phone1Type="Carrier pigeon"))
    with records("delete"):
        client.contact.delete_by_id(made["id"])
        with pytest.raises(AcumaticaError):
            client.contact.get_by_id(made["id"])
    with records("custom fields' description"):
        assert isinstance(client.contact.get_ad_hoc_schema(), dict)


@pytest.mark.parametrize("entity, fields", [
    ("task", dict(Summary="Call the bank", Priority="High", StartDate="2026-11-02T00:00:00+00:00", DueDate="2026-11-09T00:00:00+00:00")),
    ("event", dict(Summary="Kickoff", Location="Room 1", StartDate="2026-11-02T09:00:00+00:00", AllDay=False, ShowAs="Busy")),
    ("email", dict(Subject="Offer", Body="<p>Hello</p>", To="a@example.test", Incoming=False)),
    ("activity", dict(Summary="Called", Type="P")),
])
def test_other_entities(client, entity, fields):
    service = getattr(client, entity)
    with records(f"put, list and delete: {entity}"):
        made = service.put_entity(wrapped(**fields))
        for name, value in fields.items():
            assert made[name].get("value") == value or name.endswith("Date"), name
        assert made["id"] in [record["id"] for record in service.get_list()]
        assert service.get_by_id(made["id"])["id"] == made["id"]
        service.delete_by_id(made["id"])
        assert made["id"] not in [record["id"] for record in service.get_list()]


def test_files(client):
    made = client.email.put_entity(wrapped(Subject="With files"))
    with files("attach files"):
        client.email.put_file(made["id"], "Angebot ü.pdf", b"\x00PDF\xff" * 1000, comment="for you")
        client.email.put_file(made["id"], "b.txt", b"text")
    with files("list files"):
        links = client.email.get_files(made["id"])
        assert sorted(link["filename"].rsplit("\\", 1)[1] for link in links) == ["Angebot ü.pdf", "b.txt"]
        assert {link["comment"] for link in links} == {"for you", None}
    with files("read a file"):
        link = next(link for link in links if link["filename"].endswith(".pdf"))
        answer = client.session.get(client.base_url + link["href"])
        assert answer.status_code == 200 and answer.content == b"\x00PDF\xff" * 1000
    with files("the same name again is a new revision"):
        client.email.put_file(made["id"], "b.txt", b"changed")
        assert len(client.email.get_files(made["id"])) == 2
    client.email.delete_by_id(made["id"])


def test_actions(client, office):
    task = client.task.put_entity(wrapped(Summary="To be done", Status="Open"))
    with actions("an action"):
        client.task.invoke_action_complete_task(client.models.CompleteTask(entity=client.models.Task(NoteID=task["id"])))
        found = client.task.get_by_id(task["id"])
        assert values(found, "Status", "CompletionPercentage") == ("Completed", 100) and found["CompletedAt"]["value"]
    with actions("an action that the status does not allow"):
        with pytest.raises(AcumaticaError):
            client.task.invoke_action_complete_task(client.models.CompleteTask(entity=client.models.Task(NoteID=task["id"])))
    contact = client.contact.get_list(QueryOptions(top=1))[0]
    with actions("a long-running action"):
        answer = client.session.post(
            f"{office.sandbox.base}/entity/Default/24.200.001/Contact/CheckForContactDuplicates", json={"entity": {"id": contact["id"]}})
        assert answer.status_code == 202
        statuses = [client.session.get(office.sandbox.base + answer.headers["Location"]).status_code for _ in range(2)]
        assert statuses == [202, 204]
    client.task.delete_by_id(task["id"])


def test_signing_out_frees_the_seat(client, office, tmp_path):
    with signing("no third session on two seats"):
        with pytest.raises(AcumaticaError):
            connect(office, tmp_path)
    assert client.logout() == 204
    with signing("sign out and in again, more often than there are seats"):
        for _ in range(5):
            other = connect(office, tmp_path)
            assert len(other.employee.get_list()) == 3
            assert other.logout() == 204
            other.close()
