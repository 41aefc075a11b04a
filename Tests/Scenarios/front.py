"""Servers of others in front of the sandbox, which sign in by NTLM (pyspnego) and by Kerberos (Apache with mod_auth_gssapi, MIT's KDC)."""

import base64
import http.server
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import requests
import spnego
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

import processes

DELEGATE = ("concord-sync@example.test", "sandbox-delegate")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NTLMFront:
    """An HTTP server that signs connections in by NTLM and hands requests on to the sandbox."""

    def __init__(self, directory, base, user="concord-sync", domain="EXAMPLE", password="correct horse"):
        users = pathlib.Path(directory) / "ntlm-users"
        users.write_text(f"{domain}:{user}:{password}\n")
        os.environ["NTLM_USER_FILE"] = str(users)
        self.handshakes, self.requests, self.refused = 0, 0, 0
        self.challenge, self.answer = None, None  # the last CHALLENGE_MESSAGE and AUTHENTICATE_MESSAGE
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                self.context, self.is_signed_in = None, False

            def log_message(self, *_):
                pass

            def reply(self, status, content=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                scheme, _, token = self.headers.get("Authorization", "").partition(" ")
                if scheme.upper() == "NTLM":
                    try:
                        self.context = self.context or spnego.server(protocol="ntlm")
                        answer = self.context.step(base64.b64decode(token))
                    except spnego.exceptions.SpnegoError:
                        front.refused += 1
                        self.context = None
                        return self.reply(401, WWW_Authenticate="NTLM")
                    if not self.context.complete:
                        front.challenge = answer
                        return self.reply(401, WWW_Authenticate="NTLM " + base64.b64encode(answer).decode())
                    self.is_signed_in = True
                    front.answer = base64.b64decode(token)
                    front.handshakes += 1
                if not self.is_signed_in:
                    return self.reply(401, WWW_Authenticate="NTLM")
                front.requests += 1
                answer = requests.post(base + self.path, data=body, auth=DELEGATE, headers={"Content-Type": self.headers["Content-Type"]}, timeout=60)
                self.reply(answer.status_code, answer.content, Content_Type=answer.headers["Content-Type"])

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def missing_for_kerberos():
    """What Kerberos needs and is not installed."""
    programs = [name for name in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "apache2") if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    module = pathlib.Path("/usr/lib/apache2/modules/mod_auth_gssapi.so")
    return programs + ([] if module.exists() else [module.name])


class KerberosFront:
    """A realm with its KDC, and an Apache that speaks Negotiate in front of the sandbox."""

    def __init__(self, directory, base):
        self.directory = pathlib.Path(directory) / "kerberos"
        self.directory.mkdir()
        for path in (self.directory.parent, self.directory):
            path.chmod(0o755)  # Apache's children run as another user
        self.kdc_port, self.port = free_port(socket.SOCK_DGRAM), free_port()
        self.ticket = self.directory / "ticket"
        self.environment = {
            "KRB5_CONFIG": str(self.directory / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.directory / "kdc.conf"), "KRB5CCNAME": f"FILE:{self.ticket}",
            "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        self.processes = []
        self.make_realm()
        self.start_apache(base)
        self.base = f"http://localhost:{self.port}"

    def run(self, *command, text=None):
        subprocess.run(command, input=text, text=True, check=True, capture_output=True, env={**os.environ, **self.environment})

    def make_realm(self):
        (self.directory / "krb5.conf").write_text(
            "[libdefaults]\n default_realm = EXAMPLE.TEST\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n"
            " dns_canonicalize_hostname = false\n udp_preference_limit = 1\n"
            f"[realms]\n EXAMPLE.TEST = {{\n  kdc = 127.0.0.1:{self.kdc_port}\n }}\n[domain_realm]\n localhost = EXAMPLE.TEST\n")
        (self.directory / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{self.kdc_port}\n kdc_tcp_listen = 127.0.0.1:{self.kdc_port}\n"
            f"[realms]\n EXAMPLE.TEST = {{\n  database_name = {self.directory}/principal\n  key_stash_file = {self.directory}/stash\n }}\n")
        self.run("kdb5_util", "create", "-s", "-P", "master", "-r", "EXAMPLE.TEST")
        for query in ("addprinc -pw secret concord-sync", "addprinc -randkey HTTP/localhost", f"ktadd -k {self.directory}/http.keytab HTTP/localhost"):
            self.run("kadmin.local", "-q", query)
        (self.directory / "http.keytab").chmod(0o644)
        self.start("krb5kdc", "-n")
        processes.until(lambda: self.sign_in(), "start of the KDC", seconds=20)

    def start(self, *command):
        output = open(self.directory / f"{command[0]}.log", "ab")
        self.processes.append(subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **self.environment}))

    def sign_in(self):
        try:
            self.run("kinit", "concord-sync", text="secret\n")
        except subprocess.CalledProcessError:
            return False
        return True

    def start_apache(self, base):
        secret = base64.b64encode(":".join(DELEGATE).encode()).decode()
        modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi", "headers", "proxy", "proxy_http"]
        loads = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
        (self.directory / "apache.conf").write_text(
            f"{loads}ServerName localhost\nListen 127.0.0.1:{self.port}\nPidFile {self.directory}/apache.pid\nUser nobody\nGroup nogroup\n"
            f"ErrorLog {self.directory}/error.log\nLogFormat \"%u %s %U\" plain\nCustomLog {self.directory}/access.log plain\n"
            f"DefaultRuntimeDir {self.directory}\nServerLimit 2\nStartServers 1\nThreadsPerChild 8\n"
            f"<Location />\nAuthType GSSAPI\nAuthName Exchange\nGssapiCredStore keytab:{self.directory}/http.keytab\n"
            f"Require user concord-sync@EXAMPLE.TEST\nRequestHeader set Authorization \"Basic {secret}\"\nProxyPass {base}/\n</Location>\n")
        self.start("apache2", "-f", str(self.directory / "apache.conf"), "-DFOREGROUND")
        processes.until(lambda: self.status() == 401, "start of Apache", seconds=20)

    def status(self):
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/EWS/Exchange.asmx", timeout=5).status_code
        except requests.ConnectionError:
            return None

    def users(self):
        """Who was signed in with the requests that were let through."""
        lines = [line.split() for line in (self.directory / "access.log").read_text().splitlines()]
        return {user for user, status, _ in lines if status == "200"}

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


class Authority:
    """A token endpoint that checks what a client proves itself with, by the cryptography package, and tells the sandbox of its tokens."""

    def __init__(self, base, certificate=None, seconds=3600):
        self.client_id, self.secret = "11111111-2222-3333-4444-555555555555", "client-secret"
        self.grants, self.refusals = [], []
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                try:
                    authority.check(form, certificate, f"{authority.base}/token")
                    token = secrets.token_urlsafe(32)
                    requests.post(f"{base}/sandbox/exchange/token", json={"token": token, "user": DELEGATE[0], "seconds": seconds}).raise_for_status()
                    authority.grants.append(form)
                    status, answer = 200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
                except Exception as error:
                    authority.refusals.append(repr(error))
                    status, answer = 401, {"error": "invalid_client", "error_description": "the client could not prove itself"}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def check(self, form, certificate, audience):
        assert form["grant_type"] == "client_credentials" and form["client_id"] == self.client_id and form["scope"]
        if certificate is None:
            assert form["client_secret"] == self.secret
            return
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" and "client_secret" not in form
        signed, _, signature = form["client_assertion"].rpartition(".")
        decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        certificate.public_key().verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        header, claims = (json.loads(decode(part)) for part in signed.split("."))
        assert header["alg"] == "RS256" and decode(header["x5t#S256"]) == certificate.fingerprint(hashes.SHA256())
        assert claims["aud"] == audience and claims["iss"] == claims["sub"] == self.client_id and claims["jti"]
        assert claims["nbf"] <= time.time() < claims["exp"] <= time.time() + 3600

    def close(self):
        self.server.shutdown()
        self.server.server_close()
