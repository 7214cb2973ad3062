"""The examples of the contract are what it says: each one fits its schema, and nothing in it is left out.

It asks nothing of the running programs, but what is wrong here misleads every client.
"""

import json

import jsonschema_rs
import pytest
from fuzz import closed
from stage import contract

CONTRACT = contract()


def resolved(value):
    while "$ref" in value:
        target = CONTRACT
        for name in value["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        value = target
    return value


def parts(value, path=()):
    """Every object of the contract that is no example, with where it stands."""
    if isinstance(value, dict):
        yield "/".join(path), value
        for name, item in value.items():
            if name not in ("example", "examples"):
                yield from parts(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from parts(item, (*path, str(index)))


PARTS = dict(parts(CONTRACT))
# Media types, parameters and header fields have an example beside their schema, schemas have examples in themselves.
EXAMPLES = [
    (where, part["schema"], part["example"])
    for where, part in PARTS.items()
    if "example" in part and isinstance(part.get("schema"), dict)
] + [
    (f"{where}/examples/{index}", {name: item for name, item in part.items() if name != "examples"}, example)
    for where, part in PARTS.items()
    if isinstance(part.get("examples"), list)
    for index, example in enumerate(part["examples"])
]


def problems(schema, example):
    """What keeps the example from fitting the schema: clients may get members that they do not know, but an example
    shows none."""
    document = {**closed(schema), "components": closed(CONTRACT["components"])}
    validator = jsonschema_rs.Draft202012Validator(document, validate_formats=True)
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(example)]


def messages(stream):
    """The messages of an event stream that are dispatched."""
    for block in stream.split("\n\n"):
        message = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in message:
            yield message


@pytest.mark.parametrize(("where", "schema", "example"), EXAMPLES, ids=[where for where, _, _ in EXAMPLES])
def test_example(where, schema, example):
    assert "…" not in json.dumps(example, ensure_ascii=False)
    if not where.endswith("text/event-stream"):
        assert problems(schema, example) == []
        return
    found = list(messages(example))
    assert found
    for message in found:
        assert problems(schema, message) == []
        data = resolved(schema)["properties"]["data"]["contentSchema"]
        assert problems(data, json.loads(message["data"])) == []


def test_everything_has_an_example():
    """What a person reads at /docs, and copies from there, was written and not guessed from a schema."""
    bare = []
    for where, part in PARTS.items():
        if "in" in part and "schema" in part:
            must = part["in"] == "path" or part.get("required")
        elif where.startswith("components/headers/"):
            must = where.count("/") == 2
        else:
            must = where.endswith(("json", "/text/event-stream")) and "schema" in part
        if must and "example" not in part and "examples" not in resolved(part["schema"]):
            bare.append(where)
    assert bare == []
