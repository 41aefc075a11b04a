"""exchangelib works with folders of the sandbox: it makes, renames, moves, empties and deletes them, and walks the tree."""

import pytest
from exchangelib import Contact
from exchangelib.errors import ErrorDeleteDistinguishedFolder, ErrorFolderExists, ErrorFolderNotFound, ErrorItemNotFound
from exchangelib.folders import Calendar, Contacts, Messages, Tasks

from strangers import steps

step, hierarchy = steps("exchangelib", "folders"), steps("exchangelib", "sync of hierarchy")


@pytest.fixture(scope="module")
def alice(office):
    return office.first()


def fresh(account):
    account.root.clear_cache()
    return account.msg_folder_root


def test_the_usual_folders_are_there(alice):
    with step("distinguished folders"):
        names = {folder.name for folder in (alice.inbox, alice.drafts, alice.sent, alice.trash, alice.junk, alice.outbox, alice.calendar, alice.contacts, alice.tasks)}
        assert names == {"Inbox", "Drafts", "Sent Items", "Deleted Items", "Junk Email", "Outbox", "Calendar", "Contacts", "Tasks"}
        assert alice.contacts.folder_class == "IPF.Contact" and alice.tasks.folder_class == "IPF.Task" and alice.calendar.folder_class == "IPF.Appointment"
    with step("walk the tree"):
        found = {folder.name for folder in alice.root.walk()}
        assert {"Top of Information Store", "Inbox", "Calendar", "Contacts", "Tasks"} <= found
    with step("counts"):
        alice.contacts.refresh()
        assert alice.contacts.total_count == alice.contacts.all().count() > 0 and alice.contacts.child_folder_count == 0
    with step("rights"):
        assert alice.contacts.effective_rights.read and alice.contacts.effective_rights.create_contents


@pytest.mark.parametrize("kind", [Contacts, Tasks, Calendar, Messages])
def test_a_folder_of_each_class_is_made_renamed_moved_and_deleted(alice, kind):
    with step(f"create {kind.__name__}"):
        made = kind(parent=alice.msg_folder_root, name=f"My {kind.__name__} ä/b").save()
        assert made.id and made.changekey
        found = fresh(alice) / made.name
        assert found.id == made.id and isinstance(found, kind)
    with step(f"refuse a second {kind.__name__} of that name"):
        with pytest.raises(ErrorFolderExists):
            kind(parent=alice.msg_folder_root, name=made.name).save()
    with step(f"rename {kind.__name__}"):
        found.name = f"Renamed {kind.__name__}"
        found.save()
        again = fresh(alice) / f"Renamed {kind.__name__}"
        assert again.id == made.id and again.changekey != made.changekey
    with step(f"move {kind.__name__}"):
        again.move(to_folder=alice.inbox)
        moved = fresh(alice) / "Inbox" / f"Renamed {kind.__name__}"
        assert moved.id == made.id
    with step(f"delete {kind.__name__}"):
        moved.delete()
        with pytest.raises(ErrorFolderNotFound):
            fresh(alice) / "Inbox" / f"Renamed {kind.__name__}"


def test_a_tree_of_folders_goes_with_its_contents(alice):
    top = Contacts(parent=alice.msg_folder_root, name="Top").save()
    inner = Contacts(parent=top, name="Inner").save()
    Contact(account=alice, folder=inner, display_name="Deep", given_name="Deep").save()
    Contact(account=alice, folder=top, display_name="Shallow", given_name="Shallow").save()
    with step("empty without subfolders"):
        top.empty()
        assert top.all().count() == 0 and inner.all().count() == 1
    with step("empty with subfolders"):
        top.empty(delete_sub_folders=True)
        assert not list((fresh(alice) / "Top").children)
    inner = Contacts(parent=top, name="Inner").save()
    item = Contact(account=alice, folder=inner, display_name="Deep", given_name="Deep").save()
    with step("deleting a folder takes what is below it"):
        top.delete()
        with pytest.raises(ErrorFolderNotFound):
            fresh(alice) / "Top"
        answers = list(alice.fetch([(item.id, item.changekey)]))
        assert isinstance(answers[0], ErrorItemNotFound)


def test_wipe_and_refusals(alice):
    made = Contacts(parent=alice.msg_folder_root, name="Wiped").save()
    Contact(account=alice, folder=made, display_name="Gone", given_name="Gone").save()
    with step("wipe"):
        made.wipe()
        assert made.all().count() == 0
    with step("a distinguished folder is not deleted"):
        with pytest.raises(ErrorDeleteDistinguishedFolder):
            alice.contacts.delete()
    made.delete()


def test_the_hierarchy_is_synchronized(alice):
    root = alice.msg_folder_root
    with hierarchy("first synchronization of the hierarchy"):
        first = list(root.sync_hierarchy())
        assert {"Contacts", "Inbox", "Tasks"} <= {folder.name for change, folder in first if change == "create"}
        state = root.folder_sync_state
    made = Contacts(parent=root, name="Seen").save()
    with hierarchy("a new folder"):
        changes = list(root.sync_hierarchy(sync_state=state))
        assert [(change, folder.name) for change, folder in changes] == [("create", "Seen")]
        state = root.folder_sync_state
    with hierarchy("a renamed folder"):
        made.name = "Seen again"
        made.save()
        changes = list(root.sync_hierarchy(sync_state=state))
        assert [(change, folder.name) for change, folder in changes] == [("update", "Seen again")]
        state = root.folder_sync_state
    with hierarchy("a deleted folder"):
        gone = made.id
        made.delete()
        changes = list(root.sync_hierarchy(sync_state=state))
        assert [(change, folder.id) for change, folder in changes] == [("delete", gone)]
        state = root.folder_sync_state
    with hierarchy("nothing"):
        assert list(root.sync_hierarchy(sync_state=state)) == []
