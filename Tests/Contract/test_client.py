"""A client that is generated from the contract does the main things against the running gateway."""

import json
import threading
import time
import uuid

import httpx
import pytest
from kick_gateway_client import AuthenticatedClient
from kick_gateway_client.api.channels import get_broadcaster_channel, get_channels, update_channel
from kick_gateway_client.api.chat import delete_chat_message, send_chat_message
from kick_gateway_client.api.events import list_events, stream_events
from kick_gateway_client.api.livestreams import list_livestreams
from kick_gateway_client.api.logins import create_connect_link, list_logins
from kick_gateway_client.api.moderation import ban, unban
from kick_gateway_client.api.rewards import (
    accept_redemptions, create_reward, delete_reward, list_redemptions, list_rewards, reject_redemptions, update_reward,
)
from kick_gateway_client.api.subscriptions import get_subscriptions
from kick_gateway_client.api.users import get_broadcaster_user
from kick_gateway_client.models import (
    AcceptedRedemptionOutcome, BanRequest, ChannelChange, ChatMessageRequest, ConnectLinkRequest, KickScope, LoginState,
    Problem, ProblemCode, RedemptionDecision, RejectedRedemptionOutcome, RewardChange, RewardRequest, SubscriptionState,
)
from stage import KICK_SCOPES, Stage, contract

VEGA, QUASAR = 2001, 2002
PATIENCE_SECONDS = 30
HEADERS = contract()["components"]["headers"]


@pytest.fixture(scope="module")
def stage():
    return Stage.running


@pytest.fixture(scope="module")
def client(stage):
    key = stage.key(stage.tenant("client"))
    with AuthenticatedClient(base_url=stage.gateway, token=key["secret"], timeout=httpx.Timeout(30)) as client:
        yield client


@pytest.fixture(scope="module")
def login(stage, client):
    """A broadcaster gets a link, allows at Kick, and is there."""
    link = create_connect_link.sync(client=client, body=ConnectLinkRequest(scopes=[KickScope(s) for s in KICK_SCOPES]))
    stage.consent(link.url, VEGA)
    found = [login for login in list_logins.sync(client=client).data if login.kick_user_id == VEGA]
    assert len(found) == 1
    return found[0]


def until(condition):
    """What the condition gives once it gives something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def test_connecting(login):
    assert login.state is LoginState.CONNECTED
    assert login.username == "vega"
    assert sorted(login.scopes) == sorted(KICK_SCOPES)
    assert all(feature.works for feature in login.features)


def test_account(client, login):
    user = get_broadcaster_user.sync(VEGA, client=client)
    assert (user.user_id, user.username) == (VEGA, "vega")
    assert user.email


def test_channel(client, login):
    changed = update_channel.sync_detailed(
        VEGA, client=client, body=ChannelChange(title="Painting a fence", tags=["art", "slow"]))
    assert changed.status_code == 204
    channel = get_broadcaster_channel.sync(VEGA, client=client)
    assert (channel.title, channel.tags) == ("Painting a fence", ["art", "slow"])
    batch = get_channels.sync(client=client, broadcasters=[VEGA, 999_999_999])
    assert [channel.slug for channel in batch.data] == ["vega"]
    assert batch.missing == ["999999999"]


def test_unchanged_answers(client, login):
    first = get_broadcaster_channel.sync_detailed(VEGA, client=client)
    assert first.headers["Cache-Control"] == HEADERS["CacheControl"]["example"]
    again = get_broadcaster_channel.sync_detailed(VEGA, client=client, if_none_match=first.headers["ETag"])
    assert again.status_code == 304


def test_livestreams(stage, client, login):
    page = list_livestreams.sync(client=client, limit=2)
    assert len(page.data) <= 2
    assert list_livestreams.sync(client=client, broadcasters=[VEGA]).next_cursor is None


def test_chat(client, login):
    key = str(uuid.uuid4())
    sent = send_chat_message.sync(VEGA, client=client, body=ChatMessageRequest(content="Hello"), idempotency_key=key)
    assert sent.is_sent
    again = send_chat_message.sync_detailed(
        VEGA, client=client, body=ChatMessageRequest(content="Hello"), idempotency_key=key)
    assert again.parsed.message_id == sent.message_id
    assert again.headers["Idempotent-Replayed"] == "true"
    assert delete_chat_message.sync_detailed(VEGA, sent.message_id, client=client).status_code == 204


def test_moderation(client, login):
    banned = ban.sync(VEGA, QUASAR, client=client, body=BanRequest(duration_minutes=10, reason="spam"))
    assert (banned.broadcaster_user_id, banned.user_id, banned.duration_minutes) == (VEGA, QUASAR, 10)
    forever = ban.sync(VEGA, QUASAR, client=client)
    assert forever.duration_minutes is None
    assert unban.sync_detailed(VEGA, QUASAR, client=client).status_code == 204


def test_rewards(client, login):
    made = create_reward.sync(VEGA, client=client, body=RewardRequest(title="Hydrate", cost=100))
    assert (made.title, made.cost, made.is_paused) == ("Hydrate", 100, False)
    changed = update_reward.sync(VEGA, made.id, client=client, body=RewardChange(cost=250, is_paused=True))
    assert (changed.cost, changed.is_paused) == (250, True)
    assert made.id in [reward.id for reward in list_rewards.sync(VEGA, client=client).data]
    assert delete_reward.sync_detailed(VEGA, made.id, client=client).status_code == 204
    assert made.id not in [reward.id for reward in list_rewards.sync(VEGA, client=client).data]


def test_redemptions(stage, client, login):
    reward = create_reward.sync(VEGA, client=client, body=RewardRequest(title="Sing", cost=500))
    made = stage.control.post("/redemptions", json={"reward_id": reward.id, "user_id": QUASAR, "count": 2}).json()
    assert len(made["redemptions"]) == 2
    pending = until(lambda: (
        found := list_redemptions.sync(VEGA, client=client, reward=reward.id).data) and len(found) == 2 and found)
    first, second = (redemption.id for redemption in pending)
    accepted = accept_redemptions.sync(VEGA, client=client, body=RedemptionDecision(ids=[first]))
    assert [(item.id, item.outcome) for item in accepted.data] == [(first, AcceptedRedemptionOutcome.ACCEPTED)]
    rejected = reject_redemptions.sync(VEGA, client=client, body=RedemptionDecision(ids=[second, first]))
    assert [(item.id, item.outcome, item.reason) for item in rejected.data] == [
        (second, RejectedRedemptionOutcome.REJECTED, None), (first, RejectedRedemptionOutcome.FAILED, "NOT_PENDING")]


def test_problems(client, login):
    problem = get_broadcaster_channel.sync(3, client=client)
    assert isinstance(problem, Problem)
    assert problem.code is ProblemCode.NOT_FOUND


# MARK: The stream


def messages(client, **parameters):
    """The messages of a stream, as they come: id, event, and data."""
    request = stream_events._get_kwargs(**parameters)
    with client.get_httpx_client().stream(**request, timeout=PATIENCE_SECONDS) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        message = {}
        for line in response.iter_lines():
            if not line:
                yield message
                message = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                message[name] = json.loads(value) if name == "data" else value


def test_stream(client, login):
    """What is written into the chat comes in the stream, and a stream that is resumed goes on where the last one ended."""
    until(lambda: any(
        subscription.type_ == "chat.message.sent" and subscription.state is SubscriptionState.ACTIVE
        for subscription in get_subscriptions.sync(VEGA, client=client).subscriptions))
    stream = messages(client, types=["chat.message.sent"], broadcasters=[VEGA])
    begun = next(stream)
    assert "data" not in begun
    send_chat_message.sync(VEGA, client=client, body=ChatMessageRequest(content="first"))
    first = next(message for message in stream if "data" in message)
    assert first["event"] == "chat.message.sent"
    assert first["data"]["payload"]["content"] == "first"
    assert first["data"]["cursor"] == first["id"]
    stream.close()

    send_chat_message.sync(VEGA, client=client, body=ChatMessageRequest(content="meanwhile"))
    until(lambda: len(list_events.sync(client=client, after=first["id"], types=["chat.message.sent"]).data) == 1)
    resumed = messages(client, types=["chat.message.sent"], last_event_id=first["id"], limit=2)
    second = next(message for message in resumed if "data" in message)
    assert second["data"]["payload"]["content"] == "meanwhile"
    assert second["data"]["replayed"] is True
    sender = threading.Thread(
        target=send_chat_message.sync, args=(VEGA,), kwargs={"client": client, "body": ChatMessageRequest("third")})
    sender.start()
    rest = [message for message in resumed if "data" in message]
    sender.join()
    assert [message["event"] for message in rest] == ["chat.message.sent", "gateway.end"]
    assert rest[0]["data"]["payload"]["content"] == "third"
    assert "replayed" not in rest[0]["data"]
    assert rest[1]["data"] == {"reason": "limit", "cursor": rest[0]["id"]}

    # A browser that comes back by itself is told to stay away.
    over = stream_events.sync_detailed(client=client, last_event_id=rest[1]["id"], limit=2)
    assert over.status_code == 204


def test_gap(client, login):
    """A cursor that the log does not have is told of, and not passed over."""
    stream = messages(client, after="1.1")
    gap = next(message for message in stream if "data" in message)
    assert gap["event"] == "gateway.gap"
    assert gap["data"]["reason"] == "epoch_changed"
    assert gap["id"] == gap["data"]["to"]
    stream.close()
