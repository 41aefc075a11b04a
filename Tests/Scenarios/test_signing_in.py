"""concordfs signs in as servers of others ask it to: NTLM by pyspnego's server and by the
protocol's published values, Kerberos by MIT's KDC and Apache; by impersonation too."""

import hmac
import struct
import subprocess

import pytest
import requests
from cryptography import x509

import erp
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


# MS-NLMP, section 4.2.4: the key and the proof for the user User of Domain with the password Password.
KEY = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
PROOF = bytes.fromhex("68cd0ab851e51c96aabc927bebef6a1c")


def ntlm_proof(challenge, client):
    """NTProofStr of MS-NLMP, section 3.3.2, under the published key."""
    return hmac.digest(KEY, challenge + client, "md5")


def test_ntlm_answers_are_those_of_the_published_protocol(world):
    names = b"".join(struct.pack("<HH", kind, 12) + name.encode("utf-16-le") for kind, name in ((2, "Domain"), (1, "Server"))) + bytes(4)
    published = b"\x01\x01" + bytes(14) + b"\xaa" * 8 + bytes(4) + names + bytes(4)
    assert ntlm_proof(bytes.fromhex("0123456789abcdef"), published) == PROOF
    server = front.NTLMFront(world.directory, world.sandbox.base, user="User", domain="Domain", password="Password")
    try:
        signs_in(world, server.base, "ntlm", "Domain\\User", "Password")
        world.run("test", check=0)
        length, _, start = struct.unpack_from("<HHI", server.answer, 20)
        answer = server.answer[start:start + length]
        assert answer[:16] == ntlm_proof(server.challenge[24:32], answer[16:])
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


def with_oauth(world, authority, proof):
    lines = world.config.read_text().replace("    auth: basic\n", f"    auth: oauth2\n    access: impersonation\n    oauth: {{token_url: {authority.base}/token, client_id: {authority.client_id}, {proof}}}\n").splitlines(keepends=True)
    inside = lines.index("exchange:\n")
    lines = [line for index, line in enumerate(lines) if index < inside or not line.startswith("    password: ")]
    world.config.write_text("".join(lines))


def test_oauth_with_a_secret_and_tokens_that_end(world):
    authority = front.Authority(world.sandbox.base, seconds=2)
    try:
        with_oauth(world, authority, "client_secret: client-secret")
        world.run("sync", check=0)
        assert is_synchronized(world) and authority.grants and not authority.refusals
        # A token is not asked for with every request.
        assert len(authority.grants) < len(world.control.exchange_log()) / 4
        authority.secret = "another"
        result = world.run("sync")
        assert result.returncode == 77 and "token" in result.stderr and "client-secret" not in result.stderr, result.stderr
    finally:
        authority.close()


def test_oauth_with_a_certificate(world):
    key, certificate = world.directory / "key.pem", world.directory / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=concordfs", "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    authority = front.Authority(world.sandbox.base, x509.load_pem_x509_certificate(certificate.read_bytes()))
    try:
        with_oauth(world, authority, f"certificate: {certificate}, private_key: {{file: {key}}}")
        world.run("sync", check=0)
        assert is_synchronized(world) and len(authority.grants) == 1 and not authority.refusals, authority.refusals
    finally:
        authority.close()


def erp_oauth(world, grant):
    lines = world.config.read_text().splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if line.startswith("  auth: "))
    lines[place] = f"  auth: {{client_id: 5B3A2F10-0000-4000-8000-C0FFEE000001@Company, client_secret: sandbox-application, {grant}}}\n"
    world.config.write_text("".join(lines))


def test_the_erp_takes_a_password_for_tokens_and_rotates_refresh_tokens(world):
    erp_oauth(world, "username: concord, password: sandbox-erp")
    world.run("sync", check=0)
    assert is_synchronized(world)
    kept = world.store.with_name(world.store.name + ".token")
    assert kept.stat().st_mode & 0o777 == 0o600
    first = kept.read_text()
    world.run("sync", check=0)
    second = kept.read_text()
    assert second != first, "refresh tokens rotate"
    output = (world.directory / "sandbox.log").read_text() + world.run("log", "-n", "1000").stdout
    assert first not in output and second not in output and second.encode() not in world.store.read_bytes()


def test_with_oauth_a_session_takes_one_seat_and_gives_it_back(world):
    erp_oauth(world, "username: concord, password: sandbox-erp")
    # One of two seats is the test's own client's. Each run signs out, and tokens of one grant share a session.
    for _ in range(3):
        world.run("sync", check=0)
    other = erp.ERP(world.sandbox.base)
    result = world.run("sync")
    assert result.returncode == 75 and "no free API session" in result.stderr and "sandbox-application" not in result.stderr, result.stderr
    other.close()
    world.run("sync", check=0)
    assert is_synchronized(world)


def test_the_erp_takes_a_refresh_token_of_a_sign_in_in_a_browser_and_tokens_end_meanwhile(world):
    agreed = requests.post(f"{world.sandbox.base}/sandbox/erp/agree").text
    erp_oauth(world, f"refresh_token: {agreed}")
    world.run("sync", check=0)
    requests.post(f"{world.sandbox.base}/sandbox/erp/token-lifetime", data="1").raise_for_status()
    world.erp.put(LastName="Made later")
    world.run("sync", check=0)
    assert is_synchronized(world)
