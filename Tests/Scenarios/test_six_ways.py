"""A contact edited, made or deleted on either side shows on the other, in the mount and with everybody else."""

import exchangelib
import mailbox


def card(mounted, person, text, folder="ERP Contacts"):
    directory = mounted.mount / f"{person}@example.test" / folder
    return [path for path in directory.glob("*.vcf") if text in path.read_text()]


def test_a_change_in_the_erp_reaches_the_mailboxes_and_the_mount(mounted):
    contact = mounted.erp.contacts(top=1)[0]
    mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Keeper of the Keys")
    mounted.daemon.sync()
    for person, folder in [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]:
        titles = [item.job_title for item in mailbox.contacts(mounted.account(person), folder)]
        assert titles.count("Keeper of the Keys") == 1, person
        assert len(card(mounted, person, "TITLE:Keeper of the Keys", folder)) == 1, person


def test_a_change_in_a_mailbox_reaches_the_erp_and_the_mount(mounted):
    item = mailbox.contacts(mounted.account("alice"))[0]
    item.job_title = "Reader of Maps"
    item.save(update_fields=["job_title"])
    mounted.daemon.sync()
    titles = [contact["JobTitle"].get("value") for contact in mounted.erp.contacts()]
    assert titles.count("Reader of Maps") == 1
    assert len(card(mounted, "alice", "TITLE:Reader of Maps")) == 1


def test_a_change_in_one_mailbox_reaches_the_other_mailboxes(mounted):
    item = mailbox.contacts(mounted.account("bob"))[3]
    item.department = "Cartography"
    item.company_name = "Atlas & Söhne"
    item.save(update_fields=["department", "company_name"])
    mounted.daemon.sync()
    for person, folder in [("alice", "ERP Contacts"), ("carol", "Contacts")]:
        found = [other for other in mailbox.contacts(mounted.account(person), folder) if other.erp_record_id == item.erp_record_id]
        assert [other.company_name for other in found] == ["Atlas & Söhne"], person
        assert len(card(mounted, person, "Atlas & Söhne", folder)) == 1


def test_a_new_contact_in_the_erp_comes_to_the_mailboxes(mounted):
    made = mounted.erp.put(FirstName="Noor", LastName="Al-Khatib", Email="noor@neu.test", Phone1="+962 6 555 01", Phone1Type="Business 1")
    mounted.daemon.sync()
    for person, folder in [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]:
        found = mailbox.by_surname(mounted.account(person), "Al-Khatib", folder)
        assert [item.given_name for item in found] == ["Noor"], person
        assert found[0].erp_record_id == made["id"]
        assert (mounted.mount / f"{person}@example.test" / folder / "Noor Al-Khatib.vcf").exists()


def test_a_new_contact_in_a_mailbox_comes_to_the_erp_and_to_the_others(mounted):
    account = mounted.account("alice")
    exchangelib.Contact(
        account=account, folder=mailbox.folder(account, "ERP Contacts"), given_name="Ingrid", surname="Håkansson",
        display_name="Ingrid Håkansson",
        email_addresses=[exchangelib.indexed_properties.EmailAddress(label="EmailAddress1", email="ingrid@ny.test")]).save()
    mounted.daemon.sync()
    found = mounted.erp.by_name("Håkansson")
    assert [contact["FirstName"]["value"] for contact in found] == ["Ingrid"]
    assert found[0]["Email"]["value"] == "ingrid@ny.test"
    assert found[0]["ContactClass"]["value"] == "CUSTOMER"
    for person, folder in [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]:
        assert len(mailbox.by_surname(mounted.account(person), "Håkansson", folder)) == 1, person
        assert (mounted.mount / f"{person}@example.test" / folder / "Ingrid Håkansson.vcf").exists()


def test_a_contact_deleted_in_the_erp_leaves_the_mailboxes(mounted):
    victim = mounted.erp.contacts(top=1)[0]
    mounted.erp.delete(victim)
    mounted.daemon.sync()
    for person, folder in [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]:
        assert victim["id"] not in [item.erp_record_id for item in mailbox.contacts(mounted.account(person), folder)], person
        # A soft delete: the owner finds it in Deleted Items.
        trash = [item for item in mounted.account(person).trash.all().only("erp_record_id") if item.erp_record_id == victim["id"]]
        assert len(trash) == 1, person
        assert card(mounted, person, f"UID:{victim['id']}", folder) == []


def test_a_contact_deleted_in_a_mailbox_is_deleted_in_the_erp_and_for_the_others(mounted):
    item = mailbox.contacts(mounted.account("alice"))[5]
    item.move_to_trash()
    mounted.daemon.sync()
    assert item.erp_record_id not in [contact["id"] for contact in mounted.erp.contacts()]
    for person, folder in [("bob", "ERP Contacts"), ("carol", "Contacts")]:
        assert item.erp_record_id not in [other.erp_record_id for other in mailbox.contacts(mounted.account(person), folder)], person


def test_private_contacts_outside_the_policy_stay_where_they_are(mounted):
    carol = [item for item in mailbox.contacts(mounted.account("carol"), "Contacts") if item.erp_record_id is None]
    assert len(carol) == 3
    assert not any("Private" in (contact["FirstName"].get("value") or "") for contact in mounted.erp.contacts())


def test_a_contact_deleted_in_the_erp_that_two_mailboxes_changed_is_made_anew_once(world):
    """Each change beats the delete; the record that the first made anew is that of the second too."""
    world.edit(("conflict: erp", "conflict: last-updated"))
    people = [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]
    world.run("sync", check=0)
    made = world.erp.put(FirstName="Phoenix", LastName="Ashworth", JobTitle="First", CompanyName="Embers")
    world.run("sync", check=0)
    items = {person: mailbox.by_surname(world.account(person), "Ashworth", folder)[0] for person, folder in people}
    items["alice"].job_title = "Second"
    items["alice"].save(update_fields=["job_title"])
    items["bob"].company_name = "Ashes"
    items["bob"].save(update_fields=["company_name"])
    world.erp.delete(made)
    for _ in range(3):
        world.run("sync", check=0)
    [anew] = world.erp.by_name("Ashworth")
    assert (anew["JobTitle"]["value"], anew["CompanyName"]["value"]) == ("Second", "Ashes")
    for person, folder in people:
        found = mailbox.by_surname(world.account(person), "Ashworth", folder)
        assert [(item.job_title, item.company_name, item.erp_record_id) for item in found] == [("Second", "Ashes", anew["id"])], person
