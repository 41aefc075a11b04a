"""Validates the sandbox's recorded ERP traffic against the published description of the endpoint, which is not part of this repository."""

import functools
import json
import pathlib

from openapi_schema_validator import OAS30Validator, oas30_format_checker

import schemas
from tally import Tally

ROOT = ["entity", "Default", "24.200.001"]
# What the description leaves out, though servers send or take it: addresses of a record, the mark that removes a detail row.
UNDESCRIBED = {"_links", "delete"}


def description():
    """Path of the endpoint's description; None where it is missing."""
    directory = schemas.directory()
    path = directory.parent / "acumatica" / "openapi.json" if directory else None
    return path if path and path.exists() else None


@functools.cache
def document():
    return json.loads(description().read_text(encoding="utf-8-sig"))


@functools.cache
def validator(name, is_list):
    reference = {"$ref": f"#/components/schemas/{name}"}
    schema = {"type": "array", "items": reference} if is_list else dict(reference)
    return OAS30Validator({"components": document()["components"], "allOf": [schema]}, format_checker=oas30_format_checker)


@functools.cache
def members(name):
    """The members that a type has, with the names of their types; None for lists and plain values."""
    schema = document()["components"]["schemas"][name]
    found = {}
    for part in schema.get("allOf", [schema]):
        if "$ref" in part:
            found |= members(part["$ref"].rsplit("/", 1)[1])
        for member, content in part.get("properties", {}).items():
            reference = content.get("$ref") or content.get("items", {}).get("$ref")
            found[member] = reference.rsplit("/", 1)[1] if reference else None
    return found


def unknown(value, name, path=""):
    """Members that the description does not know: servers drop them without a word, so a misspelt one would be lost."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown(item, name, f"{path}[{index}]")
    elif isinstance(value, dict):
        known = members(name)
        for member, content in value.items():
            if member in known:
                if known[member]:
                    yield from unknown(content, known[member], f"{path}/{member}")
            elif member not in UNDESCRIBED and not name.endswith("Field"):
                yield f"{path}/{member}"


def cleared(value):
    """A request without its null values: null clears a field, though the description calls no value nullable."""
    if isinstance(value, list):
        return [cleared(item) for item in value]
    if isinstance(value, dict):
        return {name: cleared(content) for name, content in value.items() if not (name == "value" and content is None)}
    return value


def bodies(exchange):
    """The bodies of one exchange that have a type: what they are, the content, the type's name, whether it is a list."""
    parts = [part for part in exchange["path"].split("/") if part]
    if parts[:3] != ROOT or len(parts) < 4 or parts[3] in ("files", "swagger.json") or "files" in parts[5:6]:
        return
    entity, method, status = parts[3], exchange["method"], exchange["status"]
    if entity not in document()["components"]["schemas"]:
        return
    if method == "PUT" and len(parts) == 4:
        yield "request", exchange["request"], entity, False
    if method == "POST" and len(parts) == 5 and parts[4] in document()["components"]["schemas"]:
        yield "request", exchange["request"], parts[4], False
    if not exchange["reply"]:
        return
    if status == 422 or status < 300 and (len(parts) > 4 or method == "PUT"):
        yield "reply", exchange["reply"], entity, False
    elif status < 300:
        yield "reply", exchange["reply"], entity, True
    elif status != 404:
        yield "reply", exchange["reply"], "HttpError", False


def faults(exchange):
    """How many bodies were looked at, the entity, and what is invalid."""
    count, entity, found = 0, None, []
    for what, text, name, is_list in bodies(exchange):
        count += 1
        entity = entity or exchange["path"].split("/")[4]
        where = f"{what} of {exchange['method']} {exchange['path']}"
        try:
            value = json.loads(text)
        except ValueError as error:
            if what == "reply" or exchange["status"] < 300:
                found.append(f"{where}: no JSON: {error}")
            continue
        if what == "request" and exchange["status"] >= 400:
            continue  # refused by the server, as it should be
        value = cleared(value) if what == "request" else value
        found += [f"{where}: {error.json_path}: {error.message}"[:500] for error in validator(name, is_list).iter_errors(value)][:3]
        if name != "HttpError":
            found += [f"{where}: the description does not know {path}" for path in unknown(value, name)][:3]
    return count, entity, found


class Report(Tally):
    """Counts over a whole run."""

    bodies = 0
    entities = set()
    invalid = []

    @classmethod
    def check(cls, traffic):
        for path in sorted(pathlib.Path(traffic).glob("*.json")):
            count, entity, found = faults(json.loads(path.read_text()))
            cls.bodies += count
            cls.entities |= {entity} - {None}
            cls.invalid += found
            if found:
                raise AssertionError("not valid against openapi.json: " + found[0])
