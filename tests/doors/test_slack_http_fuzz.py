"""Signed requests of any shape: none meets a defect, none does again what was done, and the door goes on."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_world import SlackWorld
from test_slack_delivered import over_http

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
#: what is put in the place of anything
_STRANGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 5, 1.5, 10**40, "", " ", "x", "\x00", "\ud800", "<@U0HONK>", "9" * 5000, "T0OTHER"),
    *([], [[]], [None], ["x"], {}, {"": None}, {"id": 5}, {"type": []}, {"type": "message"}, [{}], [{"type": 5}]),
)
#: without these a delivery is another one, or not what Honk gave to Slack
_NAMES = ("ts", "trigger_id", "action_ts", "id", "event_ts", "private_metadata")


@dataclass(frozen=True)
class Door:
    """A door that takes requests, in front of a task that is ready, and what was delivered until then."""

    portal: BlockingPortal
    here: SlackWorld
    #: kind and payload
    sent: tuple[tuple[str, Any], ...]

    def post(self, kind: str, payload: Any) -> int:
        """The status that the delivery gets."""
        text = json.dumps(payload)
        if kind == "interactive":
            text = urlencode({"payload": text})
        elif kind == "slash_commands" and isinstance(payload, dict):
            text = urlencode({str(key): str(value) for key, value in payload.items()}, errors="replace")
        body = _JSON if kind == "events_api" else _FORM
        return int(self.portal.call(self.here.slack.deliveries.post, text, body)[0])

    def threads(self) -> list[str]:
        """The messages with which something was asked in the channel that there is."""
        app, threads = self.here.slack.app, self.here.world.store.chats.threads
        found = self.portal.call(threads.in_channel, "slack", app.team, "C0GENERAL")
        return sorted(one.place.root for one in found)


async def _begin(here: SlackWorld) -> None:
    """Everything that Slack delivers happens once."""
    slack = here.slack
    while not here.door.open_:
        await anyio.sleep(0.01)
    await here.link("ada")
    ts = await here.ask()
    task = await here.task()
    await here.message(ts, "Before and after")
    build = await here.message(ts, "is ready to try")
    await here.card(ts, "Ready to merge")
    await slack.react("ben", "general", await slack.say("cleo", "general", "fix the crash"), "honk")
    await slack.edit("ada", "general", ts, f"{slack.mention} fix the crash, please")
    await slack.delete("cleo", "general", await slack.say("cleo", "general", "nothing"))
    await slack.command("ada", "general", "/honk", "status")
    await slack.shortcut("ada", "ask_honk", build.ts)
    await slack.type_ahead("ada", slack.views("ada")[-1], "repository", "music")
    await slack.press("ben", build.ts, "Review")
    await slack.open_home("ada")
    await slack.open_assistant("ben")
    slack.add_channel("music", members=["ada"])
    await slack.archive("ada", "music")
    await slack.unarchive("ada", "music")
    await slack.choose("ada", here.said(ts)[0].ts, "honk:menu", f"listen:{task.id}")
    await slack.press("ada", build.ts, "Merge…")
    await slack.until(lambda: any("asked by" in str(one.blocks) for one in slack.views("ada")))
    await slack.submit("ada")
    await here.card(ts, "Deployed")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home: Path = tmp_path_factory.mktemp("fuzz")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(over_http(home)) as here,
        portal.wrap_async_context_manager(here.door.opened()),
    ):
        portal.call(_begin, here)
        sent = {json.dumps(one.payload): (one.kind, one.payload) for one in here.slack.deliveries.all}
        yield Door(portal, here, tuple(sent.values()))


def _places(payload: Any) -> Iterator[tuple[Any, Any]]:
    """Every part, as what it is in and its key there."""
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    for key, value in list(pairs):
        yield payload, key
        yield from _places(value)


def _mutated(payload: Any, changes: list[tuple[int, int]]) -> Any:
    """Each change replaces or takes away one part that does not name the delivery."""
    made = copy.deepcopy(payload)
    for place, what in changes:
        places = [(of, key) for of, key in _places(made) if key not in _NAMES]
        if not places:
            break
        of, key = places[place % len(places)]
        if what < len(_STRANGE):
            of[key] = copy.deepcopy(_STRANGE[what])
        else:
            del of[key]
    return made


def _checked(door: Door, kind: str, payload: Any) -> None:
    slack = door.here.slack
    before = len(slack.calls)
    status = door.post(kind, payload)
    if status >= 500:
        # a modal that could not be opened is said so to whoever pressed: by Slack, which tries nothing again
        opened = [one.answer.get("error", "") for one in slack.calls[before:] if one.method == "views.open"]
        assert kind == "interactive" and opened and all(opened), (status, opened, payload)
    assert status in range(200, 600), payload


def _run(door: Door, examples: int) -> None:
    before = door.threads()
    one = st.tuples(st.integers(0, 500), st.integers(0, len(_STRANGE)))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 100,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, len(door.sent) - 1), st.lists(one, min_size=0, max_size=3))
    def send(number: int, changes: list[tuple[int, int]]) -> None:
        kind, payload = door.sent[number]
        _checked(door, kind, _mutated(payload, changes))

    send()
    for kind, payload in door.sent:
        _checked(door, kind, payload)
    wait: Callable[[], Any] = lambda: _goes_on(door.here)  # noqa: E731
    door.portal.call(wait)
    log = door.portal.call(_said, door.here)
    assert log.count("Merged into") == 1 and len(door.threads()) == len(before) + 1


async def _goes_on(here: SlackWorld) -> None:
    await here.card(await here.ask("what follows: friendlier", user="cleo"), "Ready to merge")


async def _said(here: SlackWorld) -> str:
    return "\n".join(one.text for one in here.slack.messages("general"))


@pytest.mark.parametrize(
    "body",
    [
        *('{"event": []}', '{"event": null}', '{"event": 5}', '{"event": "x"}', '{"event": {}}', "{}", "[]", "[{}]"),
        *('{"type": "event_callback"}', '{"type": "event_callback", "event": []}', '{"type": "url_verification"}'),
        *(
            '{"type": "event_callback", "event": {"type": null}}',
            '{"event": {"type": ["message"]}}',
            '"x"',
            "1",
            "null",
        ),
        *('{"authorizations": 5, "event": {"type": "message"}}', '{"team": "x"}', '{"user": []}', '{"view": 1}'),
        '{"event": {"type": "assistant_thread_started", "assistant_thread": "x"}}',
        '{"event": {"type": "channel_archive", "channel": {"id": []}}}',
        '{"event": {"type": "message", "subtype": "message_changed", "message": []}}',
        '{"event": {"type": "message", "subtype": {}, "ts": "1.1", "channel": "C1"}}',
        '{"event": ' + "[" * 3000 + "]" * 3000 + "}",
        '{"event": {"type": "message", "blocks": ' + '[{"elements":' * 400 + "[]" + "}]" * 400 + "}}",
        '{"event": {"type": "message", "ts": "1.1", "channel": "C1", "user": "U1", "blocks": '
        + '[{"elements":' * 150
        + "[]"
        + "}]" * 150
        + "}}",
    ],
    ids=lambda body: body[:60],
)
def test_what_is_no_delivery_is_not_understood(door: Door, body: str) -> None:
    post = door.here.slack.deliveries.post
    assert 200 <= door.portal.call(post, body, _JSON)[0] < 500
    assert 200 <= door.portal.call(post, urlencode({"payload": body}), _FORM)[0] < 500


def test_whatever_is_delivered_is_no_defect_and_nothing_is_done_twice(door: Door) -> None:
    _run(door, 60)


@pytest.mark.slow
@pytest.mark.seconds(900)
def test_thousands_of_deliveries(door: Door) -> None:
    _run(door, 5_000)
