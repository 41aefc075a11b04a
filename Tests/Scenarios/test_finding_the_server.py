"""Autodiscover from end to end: Debian's nginx with a certificate for the domain, reached by name through a proxy as there is no DNS here."""

import os
import select
import socket
import socketserver
import threading

import pytest

import mailbox
from test_tls import Proxy, trusting

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root: a trusted authority of its own, in a mount namespace of its own")


class Names:
    """An HTTP proxy (CONNECT) that knows one name, and notes who else was asked for."""

    def __init__(self, name, port):
        self.asked = []
        names = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                place = self.rfile.readline().split()[1].decode()
                while self.rfile.readline().strip():
                    pass
                names.asked.append(place)
                if place != f"{name}:443":
                    return self.wfile.write(b"HTTP/1.1 502 Unknown\r\nContent-Length: 0\r\n\r\n")
                with socket.create_connection(("127.0.0.1", port)) as server:
                    self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                    self.wfile.flush()
                    ends = {self.connection: server, server: self.connection}
                    while True:
                        for end in select.select(list(ends), [], [])[0]:
                            data = end.recv(65536)
                            if not data:
                                return None
                            ends[end].sendall(data)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.environment = {"https_proxy": f"http://127.0.0.1:{self.server.server_address[1]}", "no_proxy": "", "NO_PROXY": ""}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def domain(world):
    """The world without a configured server; its domain's web server is nginx."""
    world.proxy = Proxy(world.directory, world.sandbox.base, "autodiscover.example.test")
    world.names = Names("autodiscover.example.test", world.proxy.port)
    world.edit((f"    server: {world.sandbox.base}/EWS/Exchange.asmx\n", ""))
    yield world
    world.names.close()
    world.proxy.close()


def test_the_server_is_found_and_printed_for_the_configuration(domain):
    found = trusting(domain, "account", "find", env=domain.names.environment)
    assert found.returncode == 0, found.stderr
    assert found.stdout == "    server: https://autodiscover.example.test/EWS/Exchange.asmx\n"
    # The domain itself came first, by both forms.
    assert "https://example.test/autodiscover/autodiscover.svc: " in found.stderr and "sandbox-delegate" not in found.stderr
    assert domain.names.asked[:2] == ["example.test:443", "example.test:443"]
    assert domain.control.exchange_log() == []


def test_a_configuration_without_a_server_synchronizes_with_what_is_found(domain):
    result = trusting(domain, "sync", env=domain.names.environment)
    assert result.returncode == 0, result.stderr
    assert len(mailbox.contacts(domain.account("alice"))) == 60
    assert set(domain.names.asked) == {"example.test:443", "autodiscover.example.test:443"}


def test_where_nothing_answers_the_command_says_what_it_tried_and_what_to_do(domain):
    result = trusting(domain, "sync", env={**domain.names.environment, "https_proxy": "http://127.0.0.1:9"})
    assert result.returncode == 78 and "set 'server'" in result.stderr and "SRV _autodiscover._tcp.example.test" in result.stderr, result.stderr
    assert domain.control.exchange_log() == []
