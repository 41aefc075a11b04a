"""What is in the mount, judged by programs of others."""

import os
import subprocess
import tarfile

import vobject


def files(mount):
    return sorted(str(path.relative_to(mount)) for path in mount.rglob("*") if path.is_file())


def cards(mount):
    return [path for path in mount.rglob("*.vcf") if path.is_file()]


def rsync(source, target):
    """The files that rsync transferred."""
    result = subprocess.run(
        ["rsync", "-a", "--itemize-changes", f"{source}/", f"{target}/"], capture_output=True, text=True, timeout=60, check=True)
    return [line.split(" ", 1)[1] for line in result.stdout.splitlines() if line.startswith(">f")]


def outside_control(names):
    return [name for name in names if ".control/" not in name]


def test_every_card_parses_with_vobject(mounted):
    found = cards(mounted.mount)
    assert len(found) == 180
    for path in found:
        raw = path.read_bytes()
        assert raw.endswith(b"END:VCARD\r\n") and b"\n" not in raw.replace(b"\r\n", b""), path
        assert max(len(line) for line in raw.split(b"\r\n")) <= 75, path
        card = vobject.readOne(raw.decode())
        assert card.version.value == "3.0"
        assert card.fn.value and card.uid.value and card.n.value is not None and card.rev.value


def test_names_and_contents_come_from_the_record(mounted):
    by_uid = {vobject.readOne(path.read_text()).uid.value: path for path in cards(mounted.mount / "alice@example.test")}
    contacts = mounted.erp.contacts()
    assert len(contacts) == len(by_uid) == 60
    for contact in contacts:
        card = vobject.readOne(by_uid[contact["id"]].read_text())
        assert card.n.value.family == (contact["LastName"].get("value") or ""), contact["id"]
        if contact["Email"].get("value"):
            assert card.email.value == contact["Email"]["value"]
        if contact["JobTitle"].get("value"):
            assert card.title.value == contact["JobTitle"]["value"].rstrip()


def test_khard_shows_every_contact(mounted):
    for person, folder in [("alice", "ERP Contacts"), ("carol", "Contacts")]:
        book = mounted.mount / f"{person}@example.test" / folder
        config = mounted.directory / "khard.conf"
        config.write_text(f"[addressbooks]\n[[book]]\npath = {book}\n[general]\n[contact table]\nshow_uids = yes\n[vcard]\n")
        khard = os.path.join(os.path.dirname(os.sys.executable), "khard")
        result = subprocess.run([khard, "-c", str(config), "list", "--parsable"], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        assert len(result.stdout.splitlines()) == len(list(book.glob("*.vcf"))) == 60


def test_folders_are_vdirs(mounted):
    sales = mounted.mount / "alice@example.test" / "ERP Contacts"
    assert (sales / "displayname").read_text().strip() == "ERP Contacts"
    assert (sales / "color").read_text().strip().startswith("#")


def test_find_grep_tar_and_rsync_end_and_agree(mounted):
    found = subprocess.run(["find", str(mounted.mount), "-type", "f"], capture_output=True, text=True, timeout=60, check=True)
    names = found.stdout.splitlines()
    grep = subprocess.run(["grep", "-rc", "", str(mounted.mount)], capture_output=True, text=True, timeout=60, check=False)
    assert grep.returncode == 0 and grep.stderr == ""
    archive = mounted.directory / "all.tar"
    subprocess.run(["tar", "cf", str(archive), "-C", str(mounted.mount), "."], timeout=60, check=True)
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
    transferred = rsync(mounted.mount, mounted.directory / "copy")
    assert len(names) == len(grep.stdout.splitlines()) == len(members) == len(transferred) > 180
    for path in cards(mounted.mount):
        assert path.stat().st_size == len(path.read_bytes())


def test_rsync_takes_nothing_twice_also_after_a_remount(mounted):
    copy = mounted.directory / "copy"
    assert len(rsync(mounted.mount, copy)) > 180
    assert rsync(mounted.mount, copy) == []
    inodes = {path.name: path.stat().st_ino for path in cards(mounted.mount / "bob@example.test")}
    assert mounted.daemon.close() == 0
    mounted.start()
    assert rsync(mounted.mount, copy) == []
    assert {path.name: path.stat().st_ino for path in cards(mounted.mount / "bob@example.test")} == inodes


def test_a_rebuilt_cache_gives_the_same_names_and_inodes(mounted):
    before = {str(path.relative_to(mounted.mount)): path.stat().st_ino for path in cards(mounted.mount)}
    contents = {str(path.relative_to(mounted.mount)): path.read_bytes() for path in cards(mounted.mount)}
    mounted.daemon.close()
    for suffix in ["", "-wal", "-shm"]:
        (mounted.directory / f"cache.db{suffix}").unlink(missing_ok=True)
    mounted.start()
    mounted.daemon.sync()
    after = {str(path.relative_to(mounted.mount)): path.stat().st_ino for path in cards(mounted.mount)}
    assert sorted(after) == sorted(before)
    assert {str(path.relative_to(mounted.mount)): path.read_bytes() for path in cards(mounted.mount)} == contents
    assert after == before


def test_an_open_file_keeps_the_bytes_it_was_opened_with(mounted):
    contact = next(contact for contact in mounted.erp.contacts() if contact["Email"].get("value"))
    path = next(path for path in cards(mounted.mount / "alice@example.test") if f"UID:{contact['id']}" in path.read_text())
    old = path.read_bytes()
    with open(path, "rb") as opened:
        mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Successor")
        mounted.daemon.sync()
        assert b"TITLE:Successor" in path.read_bytes()
        assert opened.read() == old


def test_extended_attributes_name_both_records(mounted):
    path = cards(mounted.mount / "alice@example.test")[0]
    names = {name: os.getxattr(path, name).decode() for name in os.listxattr(path)}
    assert set(names) == {f"user.concordfs.{name}" for name in ["erp_id", "exchange_id", "change_key", "synced_at", "origin"]}
    assert names["user.concordfs.origin"] == "erp"
    assert names["user.concordfs.erp_id"] in [contact["id"] for contact in mounted.erp.contacts()]


def test_nothing_but_control_files_can_be_written(mounted):
    folder = mounted.mount / "alice@example.test" / "ERP Contacts"
    path = cards(folder)[0]
    for attempt in [lambda: path.write_text("x"), path.unlink, (folder / "new.vcf").touch, lambda: path.rename(folder / "y.vcf"),
                    (folder / "sub").mkdir, lambda: os.truncate(path, 0)]:
        try:
            attempt()
        except OSError as error:
            assert error.errno in (1, 13, 30, 95), error
        else:
            raise AssertionError("a record was written through the mount")
    assert oct((mounted.mount / "alice@example.test").stat().st_mode & 0o777) == "0o700"
    assert oct((mounted.mount / ".control").stat().st_mode & 0o777) == "0o700"
    assert path.stat().st_mode & 0o077 == 0
