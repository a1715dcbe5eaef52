"""What any Slack does: asked of the fake and of local-slack, with Slack's own SDK and Bolt, so that both are alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from honk.testing.fake_slack import App, FakeSlack
from partners import emulate_slack, local_slack

pytestmark = pytest.mark.anyio
Slack = FakeSlack | local_slack.LocalSlack
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*card*"}}
GO = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "7"}
CARD = [SECTION, {"type": "actions", "block_id": "acts", "elements": [GO]}]
MODAL = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "words"},
        }
    ],
}


@pytest.fixture(params=["fake", pytest.param("local-slack", marks=pytest.mark.partner("local-slack"))])
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[Slack]:
    async with FakeSlack() if request.param == "fake" else local_slack.LocalSlack() as workspace:
        yield workspace


class Bot:
    """An app that keeps what it hears, and answers to a few things."""

    def __init__(self, slack: Slack) -> None:
        self.client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api)
        self.bolt = AsyncApp(client=self.client)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.slack = slack
        for kind in ("message", "app_mention", "reaction_added", "reaction_removed", "app_home_opened", "file_shared"):
            self.bolt.event(kind)(self._event)
        self.bolt.action("go")(self._go)
        self.bolt.view("why")(self._why)
        self.bolt.command("/honk")(self._command)

    async def _event(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        self._keep(event["type"] if "subtype" not in event else event["subtype"], body)

    def _keep(self, kind: str, body: dict[str, Any]) -> None:
        self.heard.append((kind, body))
        self.slack.ring()

    async def _go(self, ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        self._keep("go", body)
        await self.client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        if "response_url" in body:
            await respond("an answer", replace_original=False, response_type="in_channel")

    async def _why(self, ack: Any, body: dict[str, Any]) -> None:
        said = body["view"]["state"]["values"]["reason"]["words"]["value"]
        await (ack(response_action="errors", errors={"reason": "say more"}) if said == "?" else ack())
        self._keep("why", body)

    async def _command(self, ack: Any, body: dict[str, Any]) -> None:
        await ack("done")
        self._keep("command", body)

    async def hears(self, kind: str, number: int = 0) -> dict[str, Any]:
        """The body of what it heard of that kind, once it did."""
        found = await self.slack.until(lambda: [body for each, body in self.heard if each == kind][number:])
        return found[0]


@asynccontextmanager
async def connected(slack: Slack) -> AsyncIterator[Bot]:
    bot = Bot(slack)
    web = AsyncWebClient(token=slack.app.app_token, base_url=slack.api)
    handler = AsyncSocketModeHandler(bot.bolt, slack.app.app_token, web_client=web)
    await handler.connect_async()
    try:
        yield bot
    finally:
        await handler.close_async()


async def test_a_mention_is_heard_twice_and_the_answer_is_in_its_thread(slack: Slack) -> None:
    async with connected(slack) as bot:
        asked = await slack.say("ada", "general", f"{slack.mention} fix it")
        body = await bot.hears("app_mention")
        await bot.hears("message")
        event = body["event"]
        assert (event["user"], event["channel"], event["ts"]) == ("U0ADA", "C0GENERAL", asked)
        assert body["authorizations"][0]["user_id"] == slack.app.user
        assert body["event_id"] and body["team_id"] == slack.app.team and body["api_app_id"] == slack.app.id
        await bot.client.reactions_add(channel="C0GENERAL", timestamp=asked, name="eyes")
        answer = await bot.client.chat_postMessage(channel="C0GENERAL", thread_ts=asked, text="on it", blocks=CARD)
        await slack.until(lambda: slack.reactions("general", asked))
        assert slack.reactions("general", asked) == {"eyes": [slack.app.user]}
        await slack.until(lambda: slack.thread("general", asked)[1:])
        assert [one.text for one in slack.thread("general", asked)][1:] == ["on it"]
        replies = await bot.client.conversations_replies(channel="C0GENERAL", ts=asked)
        assert [one["ts"] for one in replies["messages"]] == [asked, answer["ts"]]


async def test_a_card_is_edited_in_place(slack: Slack) -> None:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api)
    card = await client.chat_postMessage(channel="C0GENERAL", text="one", blocks=CARD)
    await client.chat_update(channel="C0GENERAL", ts=card["ts"], text="two", blocks=[SECTION])
    await slack.until(lambda: [one.text for one in slack.messages("general")] == ["two"])
    assert [one["type"] for one in slack.messages("general")[0].blocks] == ["section"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel="C0GENERAL", ts="1.000001", text="three")


async def test_edits_deletions_and_reactions_are_heard(slack: Slack) -> None:
    async with connected(slack) as bot:
        said = await slack.say("ada", "general", "one")
        await slack.edit("ada", "general", said, "two")
        changed = (await bot.hears("message_changed"))["event"]
        assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("two", "one")
        await slack.react("ben", "general", said, "honk")
        reacted = (await bot.hears("reaction_added"))["event"]
        assert (reacted["reaction"], reacted["user"], reacted["item_user"]) == ("honk", "U0BEN", "U0ADA")
        assert reacted["item"] == {"type": "message", "channel": "C0GENERAL", "ts": said}
        await slack.unreact("ben", "general", said, "honk")
        assert (await bot.hears("reaction_removed"))["event"]["user"] == "U0BEN"
        await slack.delete("ada", "general", said)
        gone = (await bot.hears("message_deleted"))["event"]
        assert (gone["deleted_ts"], gone["previous_message"]["text"]) == (said, "two")


async def test_a_button_opens_a_modal_that_is_refused_and_then_taken(slack: Slack) -> None:
    async with connected(slack) as bot:
        card = await bot.client.chat_postMessage(channel="C0GENERAL", text="card", blocks=CARD)
        await slack.until(lambda: slack.messages("general"))
        await slack.press("ada", card["ts"], "Go")
        pressed = await bot.hears("go")
        action = pressed["actions"][0]
        assert (action["action_id"], action["block_id"], action["value"]) == ("go", "acts", "7")
        assert (pressed["user"]["id"], pressed["channel"]["id"]) == ("U0ADA", "C0GENERAL")
        assert pressed["container"]["message_ts"] == pressed["message"]["ts"] == card["ts"]
        assert (await slack.until(lambda: slack.views("ada")))[0].content["callback_id"] == "why"
        await slack.submit("ada", {"words": "?"})
        await slack.until(lambda: slack.views("ada")[-1].errors)
        assert slack.views("ada")[-1].errors == {"reason": "say more"}
        await slack.submit("ada", {"words": "because"})
        sent = await bot.hears("why", 1)
        assert sent["view"]["state"]["values"]["reason"]["words"]["value"] == "because"
        await slack.until(lambda: not slack.views("ada"))
        await slack.until(lambda: "an answer" in [one.text for one in slack.messages("general")])


async def test_a_command_and_its_answer(slack: Slack) -> None:
    async with connected(slack) as bot:
        await slack.command("ada", "general", "/honk", "status")
        body = await bot.hears("command")
        assert (body["command"], body["text"], body["user_id"]) == ("/honk", "status", "U0ADA")
        assert body["channel_id"] == "C0GENERAL" and body["trigger_id"] and body["response_url"]


async def test_a_direct_message_and_the_home_tab(slack: Slack) -> None:
    async with connected(slack) as bot:
        await slack.say("ada", "honk", "hello")
        event = (await bot.hears("message"))["event"]
        assert (event["channel_type"], event["text"]) == ("im", "hello")
        opened = await bot.client.conversations_open(users="U0ADA")
        assert opened["channel"]["id"] == event["channel"]
        await slack.open_home("ada")
        assert (await bot.hears("app_home_opened"))["event"]["tab"] == "home"
        await bot.client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": CARD})
        home = await slack.until(lambda: slack.home("ada"))
        await slack.press("ada", home, "Go")
        pressed = await bot.hears("go")
        assert (pressed["user"]["id"], pressed["actions"][0]["value"]) == ("U0ADA", "7")


async def test_only_one_person_sees_an_ephemeral_message(slack: Slack) -> None:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api)
    await client.chat_postEphemeral(channel="C0GENERAL", user="U0ADA", text="only you see this")
    await slack.until(lambda: slack.ephemeral("ada"))
    assert [one.text for one in slack.ephemeral("ada")] == ["only you see this"]
    assert slack.ephemeral("ben") == [] and slack.messages("general") == []


async def test_people_are_found_and_files_go_both_ways(slack: Slack) -> None:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api)
    assert (await client.auth_test())["user_id"] == slack.app.user
    assert (await client.users_info(user="U0ADA"))["user"]["profile"]["email"] == "ada@acme.example"
    assert (await client.users_lookupByEmail(email="ben@acme.example"))["user"]["id"] == "U0BEN"
    with pytest.raises(SlackApiError, match="users_not_found"):
        await client.users_lookupByEmail(email="nobody@acme.example")
    with pytest.raises(SlackApiError, match="user_not_found"):
        await client.users_info(user="U0NOBODY")
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.chat_postMessage(channel="C0NOWHERE", text="hello")
    sent = await client.files_upload_v2(channel="C0GENERAL", content="la la", filename="song.txt")
    await slack.until(lambda: slack.messages("general"))
    assert sent["file"]["id"]


async def _errors(client: AsyncWebClient) -> dict[str, str]:
    """What the same wrong calls are answered with; all as JSON, since emulate reads no query of a POST."""
    channels = (await client.api_call("conversations.list", json={}))["channels"]
    general = next(one["id"] for one in channels if one["name"] == "general")
    sent = await client.api_call("chat.postMessage", json={"channel": general, "text": "hello"})
    at = {"channel": general, "timestamp": sent["ts"], "name": "eyes"}
    await client.api_call("reactions.add", json=at)
    wrong = {
        "nothing to say": ("chat.postMessage", {"channel": general}),
        "nowhere": ("chat.postMessage", {"channel": "C0NOWHERE", "text": "hello"}),
        "no such message": ("chat.update", {"channel": general, "ts": "1.000001", "text": "hello"}),
        "twice": ("reactions.add", at),
        "never reacted": ("reactions.remove", {**at, "name": "honk"}),
        "no trigger": ("views.open", {"trigger_id": "nonsense", "view": MODAL}),
        "nobody": ("users.info", {"user": "U0NOBODY"}),
        "nobody's address": ("users.lookupByEmail", {"email": "nobody@acme.example"}),
        "no such file": ("files.info", {"file": "F0NOTHING"}),
    }
    found = {}
    for name, (method, args) in wrong.items():
        with pytest.raises(SlackApiError) as refused:
            await client.api_call(method, json=args)
        found[name] = refused.value.response["error"]
    return found


@pytest.mark.partner("emulate")
async def test_the_fake_refuses_as_emulate_does() -> None:
    app = App()
    async with FakeSlack() as fake, emulate_slack.emulated_slack(app) as emulated:
        ours = await _errors(AsyncWebClient(token=app.bot_token, base_url=fake.api))
        assert ours == await _errors(AsyncWebClient(token=app.bot_token, base_url=emulated))


@pytest.mark.partner("emulate")
async def test_the_fake_misses_scopes_as_emulate_does() -> None:
    app = App(scopes={"chat:write"})
    found = []
    async with FakeSlack(app=app) as fake, emulate_slack.emulated_slack(app) as emulated:
        for url in (fake.api, emulated):
            with pytest.raises(SlackApiError) as refused:
                client = AsyncWebClient(token=app.bot_token, base_url=url)
                await client.api_call("users.info", json={"user": "U0ADA"})
            found.append({key: refused.value.response.get(key) for key in ("error", "needed", "provided")})
    assert found[0] == found[1] == {"error": "missing_scope", "needed": "users:read", "provided": "chat:write"}
