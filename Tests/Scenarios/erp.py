"""The ERP over plain HTTP: Acumatica's contract-based REST with the requests library, as any other client would use it."""

import requests


EXPANDED = {"Contact": "Address", "Task": "Reminder", "Event": "Attendees,Reminder"}
CUSTOM = {"Event": "Events.OwnerID,Attendees/Attendees.IsOptional"}


class ERP:
    def __init__(self, base, password="sandbox-erp"):
        self.base = base
        self.root = f"{base}/entity/Default/24.200.001"
        self.password = password
        self.session = requests.Session()
        self.login()

    def login(self):
        answer = self.session.post(f"{self.base}/entity/auth/login", json={"name": "concord", "password": self.password})
        answer.raise_for_status()

    def close(self):
        try:
            self.session.post(f"{self.base}/entity/auth/logout", headers={"Content-Length": "0"})
        except requests.ConnectionError:
            pass  # a test took the server away
        self.session.close()

    def contacts(self, **parameters):
        answer = self.session.get(f"{self.root}/Contact", params={f"${name}": value for name, value in parameters.items()})
        answer.raise_for_status()
        return answer.json()

    def records(self, entity, **parameters):
        query = {"expand": EXPANDED.get(entity), "custom": CUSTOM.get(entity), **parameters}
        query = {name: value for name, value in query.items() if value is not None}
        answer = self.session.get(f"{self.root}/{entity}", params={f"${name}": value for name, value in query.items()})
        answer.raise_for_status()
        return answer.json()

    def put(self, entity="Contact", owner=None, **fields):
        """Creates or changes a record; `owner` is that of an event, which is on the form alone."""
        body = {name: value if isinstance(value, (dict, list)) else {"value": value} for name, value in fields.items()}
        if owner:
            body["custom"] = {"Events": {"OwnerID": {"type": "CustomStringField", "value": owner}}}
        answer = self.session.put(f"{self.root}/{entity}", params={"$expand": EXPANDED[entity]} if entity in EXPANDED else {}, json=body)
        answer.raise_for_status()
        return answer.json()

    def act(self, record, action, entity="Event"):
        self.session.post(f"{self.root}/{entity}/{action}", json={"entity": {"id": record["id"]}}).raise_for_status()

    def delete(self, record, entity="Contact"):
        answer = self.session.delete(f"{self.root}/{entity}/{record['id']}")
        assert answer.status_code == 204, answer.text

    def by_name(self, last):
        return [contact for contact in self.contacts() if contact["LastName"].get("value") == last]


class Control:
    """What the sandbox tells of itself: its request logs, faults to show."""

    def __init__(self, base):
        self.base = base

    def exchange_log(self):
        return requests.get(f"{self.base}/sandbox/exchange/log").json()

    def erp_log(self):
        return requests.get(f"{self.base}/sandbox/erp/log").json()

    def writes(self):
        """What was written on either side, and which items were fetched whole."""
        reading = ("GetFolder", "FindFolder", "SyncFolderItems", "FindItem", "GetUserConfiguration")
        exchange = [entry["operation"] for entry in self.exchange_log() if entry["operation"] not in reading]
        return exchange + [f"{entry['method']} {entry['entity']}" for entry in self.erp_log() if entry["method"] in ("PUT", "DELETE")]

    def clear(self):
        requests.delete(f"{self.base}/sandbox/exchange/log").raise_for_status()
        requests.delete(f"{self.base}/sandbox/erp/log").raise_for_status()

    def fault(self, side, **fault):
        requests.post(f"{self.base}/sandbox/{side}/fault", json={"count": 1, **fault}).raise_for_status()

    def mend(self, side):
        requests.delete(f"{self.base}/sandbox/{side}/fault").raise_for_status()

    def traffic(self, directory):
        for side in ("exchange", "erp"):
            requests.post(f"{self.base}/sandbox/{side}/traffic", data=str(directory).encode()).raise_for_status()

    def quiet(self):
        for side in ("exchange", "erp"):
            requests.delete(f"{self.base}/sandbox/{side}/traffic").raise_for_status()

    def outbox(self):
        """What was sent: kind, recipient, subject."""
        return [(sent["kind"], sent["to"], sent["subject"]) for sent in requests.get(f"{self.base}/sandbox/exchange/outbox").json()]

    def empty_outbox(self):
        requests.delete(f"{self.base}/sandbox/exchange/outbox").raise_for_status()
