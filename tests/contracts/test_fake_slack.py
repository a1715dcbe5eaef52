"""What only the fake does of Slack: tokens, limits, triggers, redeliveries, disconnects, signatures and breakages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from honk.testing.fake_slack import FakeSlack, Limits
from partners.slack_schemas import check_arguments, check_calls, check_message, check_view

pytestmark = pytest.mark.anyio
TEXT = {"type": "section", "text": {"type": "mrkdwn", "text": "words"}}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(patience=0.2) as workspace:
        yield workspace


def client_of(slack: FakeSlack, token: str = "") -> AsyncWebClient:
    return AsyncWebClient(token=token or slack.app.bot_token, base_url=slack.api, retry_handlers=[])


async def _refused(call: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as refused:
        await call
    found: dict[str, Any] = refused.value.response.data
    return found


async def test_tokens_are_looked_at(slack: FakeSlack) -> None:
    assert (await _refused(client_of(slack, "xoxb-other").auth_test()))["error"] == "invalid_auth"
    async with aiohttp.ClientSession() as http, http.post(f"{slack.api}auth.test") as reply:
        assert (await reply.json())["error"] == "not_authed"
    app_client = client_of(slack, slack.app.app_token)
    assert (await _refused(app_client.users_info(user="U0ADA")))["error"] == "not_allowed_token_type"
    said = await client_of(slack).auth_test()
    assert "chat:write" in said.headers["x-oauth-scopes"].split(",")
    slack.app.scopes -= {"users:read"}
    missing = await _refused(client_of(slack).users_info(user="U0ADA"))
    assert (missing["error"], missing["needed"]) == ("missing_scope", "users:read")
    slack.uninstall()
    assert (await _refused(client_of(slack).auth_test()))["error"] == "account_inactive"
    slack.revoke()
    assert (await _refused(client_of(slack).auth_test()))["error"] == "token_revoked"


async def test_where_nobody_can_write(slack: FakeSlack) -> None:
    slack.add_channel("old", members=["ada"], archived=True)
    slack.add_channel("elsewhere", members=["ada"], app=False)
    slack.add_channel("secret", members=["ada"], kind="private", app=False)
    post = client_of(slack).chat_postMessage
    for name, error in (("OLD", "is_archived"), ("ELSEWHERE", "not_in_channel"), ("SECRET", "channel_not_found")):
        assert (await _refused(post(channel=f"C0{name}", text="hello")))["error"] == error


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([TEXT] * 51, "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
        ([{"type": "marquee"}], "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5, "msg_blocks_too_long"),
    ],
)
async def test_blocks_that_slack_refuses(slack: FakeSlack, blocks: list[dict[str, Any]], error: str) -> None:
    found = await _refused(client_of(slack).chat_postMessage(channel="C0GENERAL", text="x", blocks=blocks))
    assert found["error"] == error
    with pytest.raises(AssertionError):
        check_message(blocks)


async def test_limits_are_those_of_the_channel_and_of_the_method() -> None:
    clock = Clock()
    async with FakeSlack(clock=clock, limits=Limits(burst=2, a_minute={"chat.update": 2})) as slack:
        client = client_of(slack)
        for _ in range(2):
            sent = await client.chat_postMessage(channel="C0GENERAL", text="hello")
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel="C0GENERAL", text="hello")
        assert (refused.value.response.status_code, refused.value.response.headers["Retry-After"]) == (429, "1")
        clock.now += 1
        await client.chat_postMessage(channel="C0GENERAL", text="hello")
        for _ in range(2):
            await client.chat_update(channel="C0GENERAL", ts=sent["ts"], text="other")
        with pytest.raises(SlackApiError) as refused:
            await client.chat_update(channel="C0GENERAL", ts=sent["ts"], text="other")
        assert refused.value.response.headers["Retry-After"] == "60"


async def test_a_trigger_is_good_for_three_seconds_and_one_view() -> None:
    clock = Clock()
    async with FakeSlack(clock=clock, patience=0.01) as slack:
        client = client_of(slack)
        view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [TEXT]}
        check_view(view)
        triggers = [slack.world.trigger("U0ADA") for _ in range(2)]
        await client.views_open(trigger_id=triggers[0], view=view)
        again = await _refused(client.views_push(trigger_id=triggers[0], view=view))
        assert again["error"] == "exchanged_trigger_id"
        clock.now += 3.1
        late = await _refused(client.views_open(trigger_id=triggers[1], view=view))
        assert late["error"] == "expired_trigger_id"
        opened = slack.views("ada")[0]
        stale = await _refused(client.views_update(view_id=opened.id, hash="1.old", view=view))
        assert stale["error"] == "hash_conflict"


async def test_what_is_broken_on_demand(slack: FakeSlack) -> None:
    client = client_of(slack)
    slack.rate_limit("chat.postMessage", 7)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0GENERAL", text="one")
    assert refused.value.response.headers["Retry-After"] == "7"
    slack.drop("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C0GENERAL", text="two")
    assert slack.messages("general") == []
    slack.drop("chat.postMessage", stored=True)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C0GENERAL", text="three")
    assert [one.text for one in slack.messages("general")] == ["three"]
    slack.fail("chat.postMessage", "fatal_error")
    assert (await _refused(client.chat_postMessage(channel="C0GENERAL", text="four")))["error"] == "fatal_error"
    slack.lack("streaming")
    given = {"channel": "C0GENERAL", "thread_ts": slack.messages("general")[0].ts}
    assert (await _refused(client.chat_startStream(**given)))["error"] == "unknown_method"


async def test_a_stream_is_written_and_ended(slack: FakeSlack) -> None:
    client = client_of(slack)
    asked = await slack.say("ada", "general", "go on")
    given = {"channel": "C0GENERAL", "thread_ts": asked}
    assert (await _refused(client.chat_startStream(**given)))["error"] == "missing_recipient_team_id"
    to = {"recipient_team_id": "T0ACME", "recipient_user_id": "U0ADA"}
    at = {"channel": "C0GENERAL", "ts": (await client.chat_startStream(**given, **to))["ts"]}
    for word in ("one ", "two"):
        await client.chat_appendStream(**at, markdown_text=word)
    await client.chat_stopStream(**at, blocks=[TEXT])
    assert slack.message("general", at["ts"]).text == "one two"
    ended = await _refused(client.chat_appendStream(**at, markdown_text="three"))
    assert ended["error"] == "message_not_in_streaming_state"
    check_calls(slack)


async def _socket(slack: FakeSlack, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    web_client = client_of(slack, slack.app.app_token)
    socket = await http.ws_connect((await web_client.apps_connections_open(app_token=slack.app.app_token))["url"])
    assert (await socket.receive_json())["type"] == "hello"
    return socket


async def test_what_is_not_acknowledged_comes_again_through_another_socket(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as http:
        first = await _socket(slack, http)
        await slack.say("ada", "general", "hello")
        once = await first.receive_json()
        assert (once["type"], once["retry_attempt"]) == ("events_api", 0)
        second = await _socket(slack, http)
        await first.close()
        again = await second.receive_json()
        assert again["payload"]["event_id"] == once["payload"]["event_id"]
        assert (again["retry_attempt"], again["retry_reason"]) == (1, "timeout")
        late = await second.receive_json()
        assert late["retry_attempt"] == 2
        await second.send_json({"envelope_id": late["envelope_id"]})
        await slack.until(lambda: slack.deliveries.all[0].acknowledged)
        await slack.disconnect("refresh_requested")
        assert await second.receive_json() == {
            "type": "disconnect",
            "reason": "refresh_requested",
            "debug_info": {"host": "applink-1"},
        }
        await slack.say("ada", "general", "is anybody there?")
        third = await _socket(slack, http)
        assert (await third.receive_json())["payload"]["event"]["text"] == "is anybody there?"
        assert slack.connections == 1


async def test_events_over_http_are_signed_and_sent_again() -> None:
    got: list[tuple[str, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        got.append((body, dict(request.headers)))
        return web.Response(status=500 if len(got) < 3 else 200, text=body)

    app = web.Application()
    app.router.add_post("/slack/events", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    async with FakeSlack(request_url=url) as slack:
        slack.deliveries.retry_after = (0.0, 0.0, 0.0)
        await slack.say("ada", "general", "hello")
        await slack.until(lambda: slack.deliveries.all[0].acknowledged)
        verifier = SignatureVerifier(slack.app.signing_secret)
        assert all(verifier.is_valid_request(body, headers) for body, headers in got)
        retries = [(one.get("X-Slack-Retry-Num"), one.get("X-Slack-Retry-Reason")) for _, one in got]
        assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]
        assert await slack.verify_url()
    await runner.cleanup()


async def test_a_file_is_only_for_the_token(slack: FakeSlack) -> None:
    said = await slack.say("ada", "general", "look", files=[("crash.txt", b"boom")])
    url = slack.world.shape(slack.message("general", said))["files"][0]["url_private"]
    async with aiohttp.ClientSession() as http:
        async with http.get(url, headers={"Authorization": f"Bearer {slack.app.bot_token}"}) as reply:
            assert await reply.read() == b"boom"
        async with http.get(url) as reply:
            assert (reply.status, reply.content_type) == (200, "text/html")
    assert [given for _, given in slack.downloads] == [True, False]


async def test_events_can_be_held_and_come_in_another_order(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await _socket(slack, http)
        slack.deliveries.hold()
        for word in ("one", "two"):
            await slack.say("ada", "general", word)
        slack.deliveries.release(reversed)
        texts = [(await socket.receive_json())["payload"]["event"]["text"] for _ in range(2)]
        assert texts == ["two", "one"]


async def test_a_stall_lasts_until_it_is_ended(slack: FakeSlack) -> None:
    gate = slack.stall("chat.postMessage")
    posting = asyncio.create_task(client_of(slack).chat_postMessage(channel="C0GENERAL", text="late"))
    await slack.until(lambda: slack.calls_of("chat.postMessage"))
    assert slack.messages("general") == []
    gate.set()
    assert (await posting)["ok"]


def test_the_schemas_know_what_slack_takes() -> None:
    check_arguments("chat.postMessage", {"channel": "C0", "text": "x", "blocks": [TEXT]})
    for wrong in ({"text": "x"}, {"channel": "C0", "text": "x", "blocks": [{"type": "section", "text": "words"}]}):
        with pytest.raises(AssertionError):
            check_arguments("chat.postMessage", wrong)
    button = {"type": "button", "text": {"type": "mrkdwn", "text": "Go"}, "action_id": "a"}
    with pytest.raises(AssertionError):
        check_message([{"type": "actions", "elements": [button]}])
