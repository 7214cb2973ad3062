"""What the contract says of every operation is so: its scope, Kick's scopes behind it, and that nothing unknown is taken."""

import re

import pytest
from stage import Stage, contract, key_scopes

# Has granted what lets an account be known, and nothing else.
SHY = 2002

CONTRACT = contract()
OPERATIONS = [
    {**operation, "method": method.upper(), "path": path, "shared": item.get("parameters", [])}
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
TENANTS = [operation for operation in OPERATIONS if "security" not in operation]
KICKS = [operation for operation in TENANTS if "x-kick-operation" in operation]
LOGINS = [operation for operation in KICKS if operation["x-kick-scopes"]]


def named(operations):
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation["operationId"])


def resolved(value):
    return value if "$ref" not in value else CONTRACT["components"]["parameters"][value["$ref"].rsplit("/", 1)[1]]


def scope(operation):
    return re.match(r"Scope ([a-z_]+:[a-z]+)\.", operation["description"])[1]


def send(api, operation, query=None, **paths):
    """The operation as its examples show it."""
    parameters = [resolved(parameter) for parameter in operation["shared"] + operation.get("parameters", [])]
    path = operation["path"]
    for parameter in parameters:
        if parameter["in"] == "path":
            value = paths.get(parameter["name"], parameter.get("example", "01KAJ4V8Y2M3N4P5Q6R7S8T9VW"))
            path = path.replace("{" + parameter["name"] + "}", str(value))
    asked = {
        parameter["name"]: ",".join(str(item) for item in parameter["example"])
        for parameter in parameters
        if parameter["in"] == "query" and parameter.get("required")
    }
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return api.request(operation["method"], path, params={**asked, **(query or {})}, json=media.get("example"))


@pytest.fixture(scope="module")
def stage():
    return Stage.running


@pytest.fixture(scope="module")
def tenant(stage):
    return stage.tenant("operations")


@pytest.fixture(scope="module")
def api(stage, tenant):
    api = stage.api(stage.key(tenant)["secret"])
    stage.connect(api, SHY, ["user:read"])
    return api


@named(TENANTS)
def test_scope_of_the_key(stage, tenant, operation):
    """A key that lacks nothing but the scope may not."""
    others = [name for name in key_scopes() if name != scope(operation)]
    answer = send(stage.api(stage.key(tenant, scopes=others)["secret"]), operation)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@named(LOGINS)
def test_scopes_of_the_login(api, operation):
    """A login that has not granted what Kick asks for is named, with what it lacks and a link to grant it."""
    answer = send(api, operation, broadcaster=SHY)
    if operation["x-kick-scopes"] == ["user:read"]:
        assert answer.status_code == 200
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "missing_scope")
    assert problem["missing_scopes"] == operation["x-kick-scopes"]
    assert problem["login_id"].startswith("login_")
    assert "/auth/kick?link=" in problem["connect_url"]


@named(TENANTS)
def test_unknown_parameters(api, operation):
    answer = send(api, operation, query={"unheard_of": "1"}, broadcaster=SHY)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "unheard_of" in answer.json()["detail"]


@named([operation for operation in OPERATIONS if "security" in operation and operation["security"]])
def test_admin_key(api, operation):
    """A tenant's key is no admin key."""
    assert send(api, operation).status_code == 401
