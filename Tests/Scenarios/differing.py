"""Servers that differ from the sandbox: a server in front of it that changes what passes, or how it goes over the wire."""

import collections
import dataclasses
import gzip
import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive"}


@dataclasses.dataclass
class Request:
    """A request of the client; `turn` is its place on its connection, from 0, `is_lost` whether the connection is to end without an answer."""

    method: str
    path: str
    headers: object
    body: bytes
    connection: int
    turn: int
    is_lost: bool = False

    @property
    def is_exchange(self):
        return self.path.lower().startswith("/ews/")

    @property
    def operation(self):
        """Name of the EWS operation; that of the method elsewhere."""
        found = re.search(rb":Body><m:(\w+)", self.body) if self.is_exchange else None
        return found[1].decode() if found else self.method

    @property
    def version(self):
        found = re.search(rb'RequestServerVersion Version="(\w+)"', self.body)
        return found and found[1].decode()


@dataclasses.dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    @classmethod
    def fault(cls, code, text):
        return cls(500, [("Content-Type", "text/xml; charset=utf-8")], (
            '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
            f'<faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:{code}</faultcode><faultstring>{text}</faultstring>'
            '<detail xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">'
            f"<e:ResponseCode>{code}</e:ResponseCode><e:Message>{text}</e:Message></detail></s:Fault></s:Body></s:Envelope>").encode())


class Manner:
    """How a server behaves; this one hands everything on as it is."""

    def refuse(self, request):
        """An answer in place of the sandbox's; the request is not carried out."""

    def change(self, request, answer):
        """Changes the sandbox's answer."""

    def send(self, write, request, answer):
        """Puts an answer on the wire. False closes the connection."""
        write(head(answer, ("Content-Length", str(len(answer.body)))) + answer.body)
        return True


def head(answer, *fields, status=None):
    """A status line and header fields."""
    lines = [f"HTTP/1.1 {status or answer.status} {http.client.responses.get(status or answer.status, 'Other')}"]
    lines += [f"{name}: {value}" for name, value in [*answer.headers, *fields]]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunks(body, size):
    """A body in the transfer coding `chunked`, with an extension and a trailer."""
    parts = [body[start:start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x;part=%d\r\n%b\r\n" % (len(part), index, part) for index, part in enumerate(parts)) + b"0\r\nX-Trailer: end\r\n\r\n"


class Server:
    """An HTTP server on loopback that hands requests on to the sandbox in some manner; keeps what was asked."""

    def __init__(self, base, manner):
        self.manner, self.requests, self.connections = manner, [], 0
        target = urllib.parse.urlsplit(base)
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                front.connections += 1
                self.connection, self.turn = front.connections, 0
                self.sandbox = http.client.HTTPConnection(target.hostname, target.port, timeout=60)

            def finish(self):
                self.sandbox.close()
                super().finish()

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers, body, self.connection, self.turn)
                self.turn += 1
                front.requests.append(request)
                answer = front.manner.refuse(request) or self.ask(request)
                if not front.manner.send(self.wfile.write, request, answer):
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer

            def ask(self, request):
                headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP | {"host", "accept-encoding"}}
                self.sandbox.request(request.method, request.path, request.body or None, {**headers, "Content-Length": str(len(request.body))})
                found = self.sandbox.getresponse()
                answer = Answer(found.status, [field for field in found.getheaders() if field[0].lower() not in HOP_BY_HOP], found.read())
                front.manner.change(request, answer)
                return answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# MARK: Over the wire


class Compressed(Manner):
    """gzip and chunked, in pieces that cut everything."""

    def __init__(self, size=7):
        self.size = size

    def send(self, write, request, answer):
        if not answer.body:
            return super().send(write, request, answer)
        fields = [("Transfer-Encoding", "chunked")]
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            answer.body = gzip.compress(answer.body)
            fields.append(("Content-Encoding", "gzip"))
        write(head(answer, *fields) + chunks(answer.body, self.size))
        return True


class Marked(Manner):
    """A byte order mark before every body of text, refusals too."""

    def change(self, request, answer):
        if answer.body and "/files/" not in request.path:
            answer.body = b"\xef\xbb\xbf" + answer.body


class Interim(Manner):
    """Says 100 Continue, also unasked and twice, and 103, before the answer."""

    def send(self, write, request, answer):
        write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
        return super().send(write, request, answer)


class ClosesQuietly(Manner):
    """Closes each connection after an answer without having said so."""

    def send(self, write, request, answer):
        super().send(write, request, answer)
        return False


class MeetsOnce(Manner):
    """Meets each kind of operation once, or only those that are named."""

    def __init__(self, operations=None):
        self.operations, self.met = operations, []

    def meets(self, request):
        if request.operation in self.met or self.operations is not None and request.operation not in self.operations:
            return False
        self.met.append(request.operation)
        return True


class ClosesOnNext(MeetsOnce):
    """Closes a kept connection when the next request is there: before it is carried out, or after it, without a byte of an answer."""

    def __init__(self, is_done, operations=None):
        super().__init__(operations)
        self.is_done = is_done

    def refuse(self, request):
        request.is_lost = request.turn > 0 and self.meets(request)
        return Answer(0, [], b"") if request.is_lost and not self.is_done else None

    def send(self, write, request, answer):
        return False if request.is_lost else super().send(write, request, answer)


class Spoils(MeetsOnce):
    """Carries requests out and spoils the answer; that of a sign-in is left, as a session without its cookie is lost until the site ends it."""

    WAYS = {
        "an HTML page": lambda answer: Answer(200, [("Content-Type", "text/html")], b"<!DOCTYPE html><html><body>Please wait<br></body></html>"),
        "the page of an outage": lambda answer: Answer(302, [("Location", "/ews/genericerrorpage.htm")], b""),
        "half of it": lambda answer: Answer(answer.status, answer.headers, answer.body[:len(answer.body) // 2]),
        "nothing": lambda answer: Answer(200, answer.headers, b""),
        "a gateway's refusal": lambda answer: Answer(504, [("Content-Type", "text/html")], b"<html><h1>504 Gateway Time-out</h1></html>"),
    }

    def __init__(self, way, operations=None):
        super().__init__(operations)
        self.way = way

    def change(self, request, answer):
        if not request.path.endswith("/auth/login") and self.meets(request):
            spoilt = self.WAYS[self.way](answer)
            answer.status, answer.headers, answer.body = spoilt.status, spoilt.headers, spoilt.body


class AnswersTwice(Manner):
    """After a fault a second answer follows on the connection, which says that all went well and is of another request."""

    STRAY = (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:{0}Response '
        'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><m:ResponseMessages/></m:{0}Response></s:Body></s:Envelope>')

    def __init__(self):
        self.faulty = []

    def send(self, write, request, answer):
        super().send(write, request, answer)
        if answer.status >= 500:
            self.faulty.append((request.connection, request.turn))
            stray = self.STRAY.format(request.operation).encode()
            super().send(write, request, Answer(200, [("Content-Type", "text/xml; charset=utf-8")], stray))
        return True


class Slow(Manner):
    """Takes its time for each request, and counts how many there were at once."""

    def __init__(self, seconds=0.03):
        self.seconds, self.lock = seconds, threading.Lock()
        self.now, self.most = collections.Counter(), collections.Counter()

    def refuse(self, request):
        side = "exchange" if request.is_exchange else "erp"
        with self.lock:
            self.now[side] += 1
            self.most[side] = max(self.most[side], self.now[side])
        time.sleep(self.seconds)

    def send(self, write, request, answer):
        with self.lock:
            self.now["exchange" if request.is_exchange else "erp"] -= 1
        return super().send(write, request, answer)


# MARK: What is said


class Speaks(Manner):
    """Knows some versions of the schema only, and has a build of its own. Names that are newer than a version are refused with it."""

    NEWER = {
        "Exchange2013": ["SuppressReadReceipts"],
        "Exchange2010_SP2": [
            "SuppressReadReceipts", "item:Flag", "item:TextBody", "item:NormalizedBody", "item:Preview", "item:InstanceKey", "item:IconIndex",
            "calendar:IsOrganizer", "calendar:EnhancedLocation", "calendar:StartWallClock", "folder:DistinguishedFolderId"],
    }

    def __init__(self, build, versions):
        self.build, self.versions = build, versions
        self.refused, self.too_new = [], []

    def refuse(self, request):
        if not request.is_exchange:
            return None
        if request.version not in self.versions:
            self.refused.append(request.version)
            return Answer.fault("ErrorInvalidServerVersion", "The specified server version is invalid.")
        newer = [name for name in self.NEWER.get(request.version, []) if name.encode() in request.body]
        if newer:
            self.too_new += newer
            return Answer.fault("ErrorSchemaValidation", f"The request failed schema validation: {newer}")
        return None

    def change(self, request, answer):
        names = ["MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber"]
        attributes = " ".join(f'{name}="{value}"' for name, value in zip(names, self.build.split(".")))
        answer.body = re.sub(rb"<t:ServerVersionInfo [^>]*/>", f"<t:ServerVersionInfo {attributes}/>".encode(), answer.body)


class Rewrites(Manner):
    """Replaces by regular expressions in one side's answers that are no refusals."""

    def __init__(self, *pairs, exchange=True, only=None):
        self.pairs, self.exchange, self.only, self.count = pairs, exchange, only, 0

    def change(self, request, answer):
        if request.is_exchange is not self.exchange or answer.status >= 300 or self.only and request.operation not in self.only:
            return
        for old, new in self.pairs:
            answer.body, count = re.subn(old, new, answer.body)
            self.count += count


class Reshapes(Manner):
    """Changes each record in the ERP's answers by a function; refusals stay."""

    def __init__(self, reshape, methods=("GET", "PUT")):
        self.reshape, self.methods = reshape, methods

    def change(self, request, answer):
        is_record = "/files/" not in request.path and request.path.startswith("/entity/Default/") and "swagger" not in request.path
        if not is_record or request.method not in self.methods or answer.status >= 300 or not answer.body:
            return
        content = json.loads(answer.body)
        for record in content if isinstance(content, list) else [content]:
            self.reshape(record)
        answer.body = json.dumps(content).encode()


def sparse(record):
    """Leaves out what is empty, and members that a client can do without."""
    for name in ("rowNumber", "note", "_links"):
        record.pop(name, None)
    for name, value in list(record.items()):
        if value == {} or value == []:
            del record[name]
        elif isinstance(value, dict) and "value" not in value:
            sparse(value)


def richer(record):
    """Fields of a newer release or of the site's own, and nulls where nothing is."""
    for name, value in list(record.items()):
        if value == {} and name != "custom":
            record[name] = {"value": None}
    record["UsrLoyalty"] = {"value": 3.5}
    record["UsrRows"] = [{"id": "d6f3b1de-5a1b-4d3c-9d7a-3a2b1c0d9e8f", "Depth": {"value": [1]}}]
    record["UsrLinked"] = {"id": None, "Deep": {"Deeper": {"value": True}}}
    record["unwrapped"] = "text"


def without_details(record):
    """Detail rows that were written are not shown."""
    if "Attendees" in record:
        record["Attendees"] = []


class Lists(Manner):
    """Changes what the ERP lists of its endpoints, by a function of the parsed answer."""

    def __init__(self, reshape):
        self.reshape = reshape

    def change(self, request, answer):
        if request.path.rstrip("/") == "/entity" and answer.status == 200:
            answer.body = json.dumps(self.reshape(json.loads(answer.body))).encode()
