"""schemathesis against a running gateway, for every operation of the contract.

What it draws leads to things that exist as often as not: the ids of the stage are put into dictionaries, which the
parameters draw from. What one operation could take away from the others is there for it to be taken away.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from stage import ADMIN_KEY, Stage, contract

HERE = Path(__file__).resolve().parent
TENANT = "fuzz"
# How often a parameter is drawn from its dictionary.
PROBABILITY = 0.75


def prepare(stage: Stage) -> dict[str, list]:
    """Makes what the operations are about; the words that lead there, by dictionary."""
    tenant = stage.tenant(TENANT)
    key = stage.key(tenant)
    api = stage.api(key["secret"])
    os.environ["CONTRACT_API_KEY"] = key["secret"]
    os.environ["CONTRACT_ADMIN_KEY"] = ADMIN_KEY
    logins = [stage.connect(api, user) for user in (1001, 1002)]
    disposable = stage.connect(api, 1003)
    links = [api.post("/v1/connect-links", json={}).json()["url"].split("link=")[1] for _ in range(2)]
    cursors = [
        api.post("/v1/events/test", json={"type": kind, "broadcaster_user_id": 1001}).json()["cursor"]
        for kind in ("channel.followed", "chat.message.sent")
    ]
    messages = [
        api.post("/v1/broadcasters/1001/chat/messages", json={"content": text}).json()["message_id"]
        for text in ("one", "two", "three")
    ]
    rewards, disposable_rewards = [
        [
            api.post("/v1/broadcasters/1001/rewards", json={"title": f"{kind} {n}", "cost": 100}).json()["id"]
            for n in range(3)
        ]
        for kind in ("kept", "disposable")
    ]
    # One channel is live and shows ads, the other one is not.
    stage.control.post("/channels", json={"broadcaster_user_id": 1002, "is_live": True, "ads_opted_in": True})
    stage.admin.post("/encryption-keys/rotate")
    encryption_keys = [key["id"] for key in stage.admin.get("/encryption-keys").json()["keys"]]
    # Events for the stream, which has to say something before it is looked at.
    stage.control.post("/demo", json={"enabled": True, "events_per_second": 20})
    return {
        "logins": [login["id"] for login in logins],
        "disposable_logins": [disposable["id"]],
        "broadcasters": [1001, 1002],
        "users": [1001, 1002, 2001],
        "channels": ["nova", "pixel", "1001"],
        "categories": [category["id"] for category in api.get("/v1/categories?limit=3").json()["data"]],
        "messages": messages,
        "rewards": rewards,
        "disposable_rewards": disposable_rewards,
        "cursors": cursors,
        "links": links,
        "apps": [app["id"] for app in stage.admin.get("/apps").json()["data"]],
        "tenants": [tenant],
        "disposable_keys": [stage.key(tenant, f"disposable {n}")["id"] for n in range(3)],
        "encryption_keys": encryption_keys,
    }


# Which dictionary a parameter draws from, and in which operation it is another one.
PARAMETERS = {
    "path.id": "logins", "path.broadcaster": "broadcasters", "path.cursor": "cursors", "path.app": "apps",
    "path.tenant": "tenants", "path.user": "users", "path.channel": "channels", "path.category": "categories",
    "path.message": "messages", "path.reward": "rewards", "query.after": "cursors", "query.link": "links",
    "query.moderator_user_id": "broadcasters", "query.reward": "rewards", "body.after": "cursors",
    "body.until": "cursors", "body.reply_to_message_id": "messages",
}
BY_OPERATION = {
    "disconnectLogin": {"path.id": "disposable_logins"},
    "retireEncryptionKey": {"path.id": "encryption_keys"},
    "revokeKey": {"path.key": "disposable_keys"},
    "deleteReward": {"path.reward": "disposable_rewards"},
}
# Well-formed calls that are refused for what the contract says in words alone: parameters that exclude one another, and
# members that must go with what there is.
SAID_IN_WORDS = [
    "getChannels", "listLivestreams", "listCategories", "listRedemptions", "listEvents",
    "createConnectLink", "importLogin", "setRetention", "replayEvents", "makeTestEvent", "createTenant", "createKey",
    "updateChannel", "updateReward", "sendChatMessage", "updateDropsClaims",
]


def configuration(words: dict[str, list]) -> str:
    """The project's configuration with the stage's words."""
    text = (HERE / "schemathesis.toml").read_text().replace("HOOKS", str(HERE / "hooks.py"))
    lines = [text, "[dictionaries]"]
    lines += [f"{name} = {{ values = {json.dumps(values)} }}" for name, values in words.items()]
    lines += ["", "[parameters]"] + [binding(*pair) for pair in PARAMETERS.items()]
    for operation, parameters in BY_OPERATION.items():
        lines += ["", "[[operations]]", f"include-operation-id = {json.dumps(operation)}", "[operations.parameters]"]
        lines += [binding(*pair) for pair in parameters.items()]
    for operation in SAID_IN_WORDS:
        lines += ["", "[[operations]]", f"include-operation-id = {json.dumps(operation)}"]
        lines += ["checks.positive_data_acceptance.enabled = false"]
    # A stream that has nothing to say says nothing for 15 seconds: what is right about it is for test_client.py.
    lines += ["", "[[operations]]", 'include-operation-id = "streamEvents"', 'generation.mode = "negative"']
    return "\n".join(lines) + "\n"


def binding(parameter: str, dictionary: str) -> str:
    return f"{json.dumps(parameter)} = {{ dictionary = {json.dumps(dictionary)}, probability = {PROBABILITY} }}"


def closed(value):
    """The contract as strict as it can be read: answers hold what it names, and nothing else."""
    if isinstance(value, dict):
        value = {name: closed(item) for name, item in value.items()}
        if value.get("type") == "object" and "properties" in value:
            value.setdefault("additionalProperties", False)
    elif isinstance(value, list):
        value = [closed(item) for item in value]
    return value


def run(stage: Stage, scratch: Path, arguments: list[str]) -> int:
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "schemathesis.toml").write_text(configuration(prepare(stage)))
    (scratch / "openapi.json").write_text(json.dumps(closed(contract())))
    command = [
        Path(sys.executable).parent / "schemathesis", "--config-file", scratch / "schemathesis.toml", "run",
        scratch / "openapi.json", "--url", stage.gateway, *arguments,
    ]
    return subprocess.run(command, cwd=scratch).returncode
