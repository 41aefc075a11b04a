"""Every setting of a policy has its effect: each test turns one on and off, and looks at both sides."""

import base64
import re

import exchangelib
import kinds
import mailbox
import pytest

pytestmark = pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0")], indirect=True)

# Events have rules of their own for folders and drift.
KINDS = {name: kinds.KINDS[name] for name in ("contacts", "tasks")}
BOTH = "contacts: {folder: C, filter: owner}\n    tasks: {folder: T}"


@pytest.fixture
def office(world):
    world.policies({"alice": BOTH, "bob": BOTH})
    return world


def change(world, *replacements):
    world.edit(*replacements)
    world.run("check", check=0)


def sync(world, *options):
    return world.run("sync", *options, check=0).stdout


def fill(world, person="alice", count=3):
    """Records of both types, made in the ERP and in the mailbox."""
    sync(world)
    for kind in KINDS:
        erp, box = kinds.sides(world, kind, person)
        for number in range(count):
            erp.create(f"ours {number}")
        box.create("theirs")
    sync(world)


def titles(world, kind, person="alice"):
    erp, box = kinds.sides(world, kind, person)
    return erp.titles(""), box.titles("")


def categories(world, kind, person="alice"):
    box = kinds.sides(world, kind, person)[1]
    return {box.kind.title(item): item.categories for item in box.items()}


def category_list(world, person="alice"):
    """Names and colours of the mailbox's list, as its owner reads them."""
    calendar = world.account(person).calendar
    document = calendar.get_user_configuration("CategoryList", properties="XmlData").xml_data
    text = (document if b"<" in document else base64.b64decode(document)).decode()
    return {name: int(color) for element in re.findall(r"<category [^>]*>", text)
            for name, color in [(re.search(r' name="([^"]*)"', element)[1], re.search(r'color="([^"]*)"', element)[1])]}


def quiet(world):
    sync(world)
    world.control.clear()
    sync(world)
    assert world.control.writes() == []


def test_another_category_marks_the_items_anew(office):
    fill(office)
    for kind in KINDS:
        box = kinds.sides(office, kind, "alice")[1]
        item = box.find("ours 0")[0]
        item.categories = ["Mine", "ERP"]
        item.save(update_fields=["categories"])
    sync(office)
    assert category_list(office) == {"ERP": 7}
    change(office, ("name: alice\n    category: {name: ERP, color: blue}", "name: alice\n    category: {name: CRM, color: green}"))
    plan = office.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("the policy's mark on linked items is another now") == 6
    sync(office)
    for kind in KINDS:
        assert categories(office, kind) == {"ours 0": ["Mine", "CRM"], "ours 1": ["CRM"], "ours 2": ["CRM"], "theirs": None}
        assert categories(office, kind, "bob") == {}
    assert category_list(office)["CRM"] == 4 and category_list(office, "bob") == {"ERP": 7}
    quiet(office)


def test_in_the_own_folder_another_category_unlinks_nothing(office):
    change(office, ("contacts: {folder: C, filter: owner}", "contacts: {filter: owner}"), ("tasks: {folder: T}", "tasks: {direction: both}"))
    office.folders = {(person, kind): kind.capitalize() for person in ("alice", "bob") for kind in KINDS}
    for kind in KINDS:
        kinds.sides(office, kind, "alice")[0].create("ours")
    sync(office)
    change(office, ("{name: ERP, color: blue}", "{name: CRM, color: blue}"))
    sync(office)
    for kind in KINDS:
        erp, box = kinds.sides(office, kind, "alice")
        assert categories(office, kind)["ours"] == ["CRM"]
        erp.change("ours", "still linked")
    sync(office)
    for kind in KINDS:
        assert kinds.sides(office, kind, "alice")[1].texts("ours") == ["still linked"]
    quiet(office)


def test_the_colour_of_a_category_is_corrected_only_where_it_is_ours(office):
    account = office.account("bob")
    document = '<?xml version="1.0"?><categories xmlns="CategoryList.xsd"><category name="ERP" color="0" keyboardShortcut="0" guid="{0A1B2C3D-0000-4000-8000-000000000001}"/></categories>'
    account.calendar.create_user_configuration("CategoryList", xml_data=document.encode())
    sync(office)
    assert category_list(office) == {"ERP": 7} and category_list(office, "bob") == {"ERP": 0}
    change(office, ("{name: ERP, color: blue}", "{name: ERP, color: green}"))
    sync(office)
    assert category_list(office) == {"ERP": 4} and category_list(office, "bob") == {"ERP": 0}


def test_without_category_marks_nothing_and_takes_new_items_without_a_mark(office):
    change(office, ("contacts: {folder: C, filter: owner}", "contacts: {filter: owner, without_category: true}"),
           ("tasks: {folder: T}", "tasks: {without_category: true}"))
    office.folders = {(person, kind): kind.capitalize() for person in ("alice", "bob") for kind in KINDS}
    fill(office, count=1)
    for kind in KINDS:
        found = categories(office, kind)
        assert found["ours 0"] is None and found["theirs"] is None
        assert "theirs" in titles(office, kind)[0]
    change(office, ("without_category: true", "without_category: false"))
    sync(office)
    for kind in KINDS:
        erp, box = kinds.sides(office, kind, "alice")
        found = categories(office, kind)
        assert (found["ours 0"], found["theirs"]) == (["ERP"], ["ERP"]), "what was linked is marked, not dropped"
        box.create("unmarked")
        erp.change("ours 0", "linked")
    sync(office)
    for kind in KINDS:
        erp, box = kinds.sides(office, kind, "alice")
        assert box.texts("ours 0") == ["linked"] and erp.titles("unmarked") == []


def test_another_folder_takes_the_linked_items_along(office):
    fill(office)
    before = {kind: titles(office, kind) for kind in KINDS}
    office.start()
    office.daemon.sync()
    names = sorted(path.name for path in (office.mount / "alice@example.test" / "C").glob("*.vcf"))
    change(office, ("name: alice", "name: alice"), ("folder: C", "folder: People"), ("folder: T", "folder: To do"))
    plan = office.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("the policy's folder is 'People' now") == 4 and plan.count("the policy's folder is 'To do' now") == 4
    assert office.daemon.control("ctl", "reload\n") == 0
    office.daemon.sync()
    office.folders = {(person, kind): {"contacts": "People", "tasks": "To do"}[kind] for person in ("alice", "bob") for kind in KINDS}
    for kind in KINDS:
        assert titles(office, kind) == before[kind], "nothing doubled, nothing lost"
    for name in ("C", "T"):
        assert list(mailbox.folder(office.account("alice"), name).all()) == []
    assert office.account("alice").trash.all().count() == 0
    folder = office.mount / "alice@example.test" / "People"
    assert sorted(path.name for path in folder.glob("*.vcf")) == names
    assert not (office.mount / "alice@example.test" / "C").exists()
    for kind in KINDS:
        kinds.sides(office, kind, "alice")[1].change("ours 1", "after the move")
    office.daemon.sync()
    for kind in KINDS:
        assert kinds.sides(office, kind, "alice")[0].texts("ours 1") == ["after the move"]
    quiet(office)


def test_from_a_folder_of_its_own_to_the_mailboxes_and_back(office):
    fill(office)
    change(office, ("contacts: {folder: C, filter: owner}", "contacts: {filter: owner}"), ("tasks: {folder: T}", "tasks: {direction: both}"))
    sync(office)
    office.folders = {(person, kind): kind.capitalize() for person in ("alice", "bob") for kind in KINDS}
    for kind in KINDS:
        found = categories(office, kind)
        assert {name: found[name] for name in found if name.startswith(("ours", "theirs"))} == {
            "ours 0": ["ERP"], "ours 1": ["ERP"], "ours 2": ["ERP"], "theirs": ["ERP"]}
    quiet(office)
    change(office, ("contacts: {filter: owner}", "contacts: {folder: C, filter: owner}"), ("tasks: {direction: both}", "tasks: {folder: T}"))
    plan = office.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("the policy's folder is") == 8 and "create" not in plan, "what else lies there stays private"
    sync(office)
    office.folders = {(person, kind): {"contacts": "C", "tasks": "T"}[kind] for person in ("alice", "bob") for kind in KINDS}
    for kind in KINDS:
        assert titles(office, kind) == (["ours 0", "ours 1", "ours 2", "theirs"],) * 2


def test_a_folder_that_vanished_deletes_nothing_and_is_an_error(office):
    fill(office)
    mailbox.folder(office.account("alice"), "C").delete(delete_type="MoveToDeletedItems")
    failed = office.run("sync", "alice@example.test", "--types", "contacts")
    assert failed.returncode != 0 and "is gone" in failed.stderr + failed.stdout
    assert kinds.sides(office, "contacts", "alice")[0].titles("") == ["ours 0", "ours 1", "ours 2", "theirs"]
    sync(office, "alice@example.test", "--full")
    assert titles(office, "contacts") == (["ours 0", "ours 1", "ours 2", "theirs"],) * 2, "asked for in full, it begins with a new one"


def test_a_type_switched_off_leaves_both_sides_and_doubles_nothing_when_it_is_on_again(office):
    fill(office)
    office.start()
    office.daemon.sync()
    text = office.config.read_text()
    office.edit(("\n    tasks: {folder: T}", ""))
    assert office.daemon.control("ctl", "reload\n") == 0
    assert not (office.mount / "alice@example.test" / "T").exists(), "its folder leaves the mount"
    assert (office.mount / "alice@example.test" / "C").exists()
    erp, box = kinds.sides(office, "tasks", "alice")
    erp.change("ours 0", "changed while off")
    box.delete("ours 1")
    erp.delete("ours 2")
    box.create("made while off")
    office.daemon.sync()
    assert erp.titles("") == ["ours 0", "ours 1", "theirs"] and box.texts("ours 0") == ["first"]
    office.config.write_text(text)
    assert office.daemon.control("ctl", "reload\n") == 0
    office.daemon.sync()
    assert erp.titles("") == ["made while off", "ours 0", "ours 1", "theirs"], "what was deleted while it was off is deleted nowhere else"
    assert box.titles("") == ["made while off", "ours 0", "ours 1", "ours 2", "theirs"]
    assert box.texts("ours 0") == ["changed while off"]
    assert (office.mount / "alice@example.test" / "T" / "ours 0.ics").exists()
    quiet(office)


def test_another_direction_carries_what_had_drifted(office):
    change(office, ("filter: owner}", "filter: owner, direction: to-exchange}"), ("tasks: {folder: T}", "tasks: {folder: T, direction: to-exchange}"))
    for kind in KINDS:
        kinds.sides(office, kind, "alice")[0].create("ours")
    sync(office)
    for kind in KINDS:
        kinds.sides(office, kind, "alice")[1].change("ours", "drifted")
    sync(office)
    for kind in KINDS:
        assert kinds.sides(office, kind, "alice")[0].texts("ours") == ["first"]
    change(office, ("direction: to-exchange", "direction: both"))
    assert "drifted" in office.run("plan", check=0).stdout
    sync(office)
    for kind in KINDS:
        assert kinds.sides(office, kind, "alice")[0].texts("ours") == ["drifted"]


def test_the_filter_decides_whose_contacts_are_in_a_mailbox(office):
    put = office.erp.put
    put(LastName="Owned", Owner=office.ids["alice"], Workgroup="Sales")
    put(LastName="Colleague's", Owner=office.ids["bob"], Workgroup="Sales")
    put(LastName="Elsewhere", Owner=office.ids["bob"], Workgroup="Service")
    put(LastName="Nobody's")
    sync(office)
    assert titles(office, "contacts")[1] == ["Owned"]
    change(office, ("filter: owner", "filter: workgroup"))
    sync(office)
    assert titles(office, "contacts")[1] == ["Colleague's", "Owned"]
    change(office, ("filter: workgroup", "filter: all"))
    sync(office)
    assert titles(office, "contacts")[1] == ["Colleague's", "Elsewhere", "Nobody's", "Owned"]
    change(office, ("filter: all", "filter: owner"))
    plan = office.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("left the policy's filter") == 3
    sync(office)
    assert titles(office, "contacts") == (["Colleague's", "Elsewhere", "Nobody's", "Owned"], ["Owned"])
    assert office.account("alice").trash.all().count() == 3, "what leaves the filter is in Deleted Items"


def test_a_contact_of_a_mailbox_gets_the_policys_class(office):
    change(office, ("filter: owner}", "filter: owner, contact_class: PROSPECT}"))
    sync(office)
    box = kinds.sides(office, "contacts", "alice")[1]
    box.create("with")
    sync(office)
    change(office, (", contact_class: PROSPECT", ""))
    box.create("without")
    sync(office)
    found = {record["LastName"]["value"]: record["ContactClass"].get("value") for record in office.erp.records("Contact")}
    assert found == {"with": "PROSPECT", "without": None}


def test_merge_by_email_links_what_has_the_same_address(office):
    def person(title):
        office.erp.put(LastName=title, Email=f"{title}@x.test", Owner=office.ids["alice"])
        account = office.account("alice")
        address = exchangelib.indexed_properties.EmailAddress(label="EmailAddress1", email=f"{title.upper()}@X.TEST")
        exchangelib.Contact(
            account=account, folder=mailbox.folder(account, "C"), surname=title, display_name=title, email_addresses=[address]).save()

    sync(office)
    person("apart")
    sync(office)
    change(office, ("filter: owner}", "filter: owner, merge_by_email: true}"))
    person("merged")
    sync(office)
    assert titles(office, "contacts") == (["apart", "apart", "merged"],) * 2


def test_what_the_mailbox_alone_has_of_a_match_is_carried_once_the_policy_carries_both_ways(office):
    change(office, ("filter: owner}", "filter: owner, merge_by_email: true, direction: to-exchange}"))
    sync(office)
    office.erp.put(LastName="Matched", Email="matched@x.test", Owner=office.ids["alice"])
    account = office.account("alice")
    address = exchangelib.indexed_properties.EmailAddress(label="EmailAddress1", email="matched@x.test")
    exchangelib.Contact(
        account=account, folder=mailbox.folder(account, "C"), surname="Matched", display_name="Matched", job_title="Director",
        email_addresses=[address]).save()
    sync(office)
    [record] = [record for record in office.erp.contacts() if record["LastName"]["value"] == "Matched"]
    assert record["JobTitle"].get("value") is None
    change(office, ("direction: to-exchange}", "direction: both}"))
    sync(office)
    [record] = [record for record in office.erp.contacts() if record["LastName"]["value"] == "Matched"]
    assert record["JobTitle"]["value"] == "Director"
    quiet(office)


def test_the_link_to_the_erp_comes_and_goes_with_the_setting(office):
    link = "https://erp.example.test/Main?ContactID={ContactID}"
    made = office.erp.put(LastName="Linked", WebSite="https://own.test/", Owner=office.ids["alice"])
    page = link.replace("{ContactID}", str(made["ContactID"]["value"]))

    def pages():
        erp, box = kinds.sides(office, "contacts", "alice")
        return box.find("Linked")[0].business_homepage, erp.kind.in_erp(office, "Linked")[0]["WebSite"]["value"]

    sync(office)
    assert pages() == ("https://own.test/", "https://own.test/")
    change(office, ("filter: owner}", f"filter: owner, erp_link: '{link}'}}"))
    sync(office)
    assert pages() == (page, "https://own.test/")
    change(office, (f", erp_link: '{link}'", ""))
    sync(office)
    assert pages() == ("https://own.test/", "https://own.test/")
    quiet(office)


def test_name_and_description_are_shown(office):
    change(office, ("- name: alice", "- name: alice\n    description: For trying"))
    assert "For trying" in office.run("policy", "show", "alice", check=0).stdout
    assert "alice" in office.run("policy", "list", check=0).stdout


def test_a_move_whose_answer_is_lost_doubles_nothing(office):
    fill(office)
    change(office, ("folder: C", "folder: People"), ("folder: T", "folder: To do"))
    for _ in KINDS:
        office.control.fault("exchange", kind="dropAnswer", operation="MoveItem")
        assert office.run("sync", "alice@example.test").returncode != 0
    sync(office)
    office.folders = {("alice", "contacts"): "People", ("alice", "tasks"): "To do"}
    for kind in KINDS:
        assert titles(office, kind) == (["ours 0", "ours 1", "ours 2", "theirs"],) * 2
        kinds.sides(office, kind, "alice")[1].change("ours 1", "still linked")
    sync(office)
    for kind in KINDS:
        assert kinds.sides(office, kind, "alice")[0].texts("ours 1") == ["still linked"]
