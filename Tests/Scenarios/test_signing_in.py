"""concordfs signs in as servers of others ask it to: NTLM by pyspnego's server, Kerberos by MIT's KDC and Apache; by impersonation too."""

import pytest

import front
import mailbox


def signs_in(world, base, kind, username=None, password=None):
    """Points the configuration to a server in front of the sandbox."""
    world.edit((f"server: {world.sandbox.base}/", f"server: {base}/"), ("    auth: basic\n", f"    auth: {kind}\n"))
    lines = world.config.read_text().splitlines(keepends=True)
    inside = lines.index("exchange:\n")
    place = next(index for index in range(inside, len(lines)) if lines[index].startswith("    password: "))
    lines[place] = f"    username: {username}\n    password: {password}\n" if username else ""
    world.config.write_text("".join(lines))


def is_synchronized(world):
    first = world.people()[0]
    return len(mailbox.contacts(world.account(first))) == len(world.erp.contacts())


def test_ntlm_signs_in_once_a_connection(world):
    server = front.NTLMFront(world.directory, world.sandbox.base)
    try:
        signs_in(world, server.base, "ntlm", "EXAMPLE\\concord-sync", "correct horse")
        world.run("sync", check=0)
        assert is_synchronized(world)
        # The connection is signed in, not the request.
        assert 1 <= server.handshakes <= 4 < server.requests
    finally:
        server.close()


def test_a_wrong_ntlm_password_is_told_and_not_tried_for_ever(world):
    server = front.NTLMFront(world.directory, world.sandbox.base)
    try:
        signs_in(world, server.base, "ntlm", "EXAMPLE\\concord-sync", "wrong")
        result = world.run("sync")
        assert result.returncode == 77 and "refused the sign-in" in result.stderr, result.stderr
        assert "wrong" not in result.stderr + result.stdout
        # Once, however many mailboxes there are: an account is locked after a handful of tries.
        assert server.requests == 0 and server.refused == 1
    finally:
        server.close()


@pytest.mark.skipif(bool(front.missing_for_kerberos()), reason=f"Kerberos needs {', '.join(front.missing_for_kerberos())}: krb5-kdc, krb5-admin-server, krb5-user, apache2-bin, libapache2-mod-auth-gssapi")
def test_kerberos_signs_in_with_the_ticket_of_the_environment(world):
    server = front.KerberosFront(world.directory, world.sandbox.base)
    try:
        signs_in(world, server.base, "negotiate")
        world.run("sync", check=0, env=server.environment)
        assert is_synchronized(world) and server.users() == {"concord-sync@EXAMPLE.TEST"}
        server.ticket.unlink()
        result = world.run("sync", env=server.environment)
        assert result.returncode == 77 and "sign-in" in result.stderr, result.stderr
    finally:
        server.close()


def test_impersonation_does_the_same_as_delegate_access(world):
    world.edit(("    auth: basic\n", "    auth: basic\n    access: impersonation\n"))
    world.run("sync", check=0)
    assert is_synchronized(world)
