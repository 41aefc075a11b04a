"""The whole engine over TLS: Debian's nginx in front of the sandbox, certificates good and bad."""

import os
import pathlib
import subprocess

import mailbox
import processes
import pytest

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root: a trusted authority of its own, in a mount namespace of its own")

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


class Proxy:
    """nginx on a free port with a certificate for `localhost`, and the authority that signed it."""

    def __init__(self, directory, target, name="localhost"):
        self.authority, key, request, certificate = (directory / file for file in ["ca.pem", "key.pem", "request.pem", "cert.pem"])
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority", "-keyout", str(directory / "ca.key"), "-out", str(self.authority))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        extensions = directory / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", str(request), "-CA", str(self.authority), "-CAkey", str(directory / "ca.key"), "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate))
        import socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = directory / "nginx-access.log"
        config = directory / "nginx.conf"
        config.write_text(
            f"daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx-error.log; worker_processes 1; user root;"
            "events { worker_connections 64; }"
            f"http {{ access_log {self.log}; client_max_body_size 100m; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;"
            f"fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;"
            f"server {{ listen 127.0.0.1:{self.port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
            f"location / {{ proxy_pass {target}; proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https; }} }} }}")
        self.process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
        processes.until(self.answers, "start of nginx", process=self.process)

    def answers(self):
        import socket
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def proxied(world, request):
    proxy = Proxy(world.directory, world.sandbox.base, getattr(request, "param", "localhost"))
    world.edit((world.sandbox.base, f"https://localhost:{proxy.port}"))
    world.proxy = proxy
    yield world
    proxy.close()


def trusting(world, *words, env=None):
    """Runs the program on a machine that trusts the test's authority too."""
    bundle = world.directory / "bundle.pem"
    bundle.write_text(pathlib.Path(BUNDLE).read_text() + world.proxy.authority.read_text())
    script = f"mount --bind '{bundle}' {BUNDLE}; exec \"$@\""
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", processes.PROGRAM, *words, "-c", str(world.config)],
        capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})})


def test_the_whole_engine_works_over_tls(proxied):
    tested = trusting(proxied, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    result = trusting(proxied, "sync")
    assert result.returncode == 0, result.stderr
    assert len(mailbox.contacts(proxied.account("alice"))) == 60
    item = mailbox.contacts(proxied.account("alice"))[0]
    item.job_title = "Over TLS"
    item.save(update_fields=["job_title"])
    assert trusting(proxied, "sync").returncode == 0
    assert [contact["JobTitle"].get("value") for contact in proxied.erp.contacts()].count("Over TLS") == 1
    assert proxied.proxy.log.read_text().count("POST /EWS/Exchange.asmx") > 5


def test_an_authority_that_nobody_trusts_is_refused_before_a_byte_of_a_password(proxied):
    result = proxied.run("sync")
    assert result.returncode == 69 and "certificate" in (result.stdout + result.stderr).lower(), result.stdout + result.stderr
    assert proxied.control.exchange_log() == [] and [entry for entry in proxied.control.erp_log() if "concordfs" in str(entry)] == []
    assert not proxied.proxy.log.exists() or proxied.proxy.log.read_text() == ""


@pytest.mark.parametrize("proxied", ["mail.elsewhere.test"], indirect=True)
def test_a_certificate_of_another_name_is_refused(proxied):
    result = trusting(proxied, "sync")
    assert result.returncode == 69, result.stdout + result.stderr
    assert not proxied.proxy.log.exists() or proxied.proxy.log.read_text() == ""
