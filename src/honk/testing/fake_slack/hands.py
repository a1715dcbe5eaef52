"""What people press, choose, type and submit, as the app then hears of it: interactions and commands."""

from collections.abc import Mapping
from typing import Any

from honk.testing.fake_slack.deliveries import Delivery, Envelope
from honk.testing.fake_slack.methods_views import checked
from honk.testing.fake_slack.responses import respond
from honk.testing.fake_slack.workspace import Channel, Ephemeral, Json, Message, User, View
from honk.testing.fake_slack.world import World

Place = Message | Ephemeral | View
#: which field of a state has what was chosen or typed
_CHOSEN = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
_OPTIONS = ("selected_option", "selected_options")


class Hands:
    """Acts on buttons, menus and modals. Each waits until the app has acknowledged it, or failed to in time.

    A place is a message's `ts`, a View of `views` or `home`, or an Ephemeral.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    async def press(self, user: User | str, where: str | Place, what: str, value: str | None = None) -> Delivery:
        """Somebody presses a button, named by its action_id or its words; of several, the one with that value."""
        who, place = self._world.space.user(user), self._find(where)
        found = [
            (block, one)
            for block, one in place.elements()
            if what in (one["action_id"], _words(one)) and value in (None, one.get("value"))
        ]
        assert found, f"there is no button {what!r}: {[(one['action_id'], _words(one)) for _, one in place.elements()]}"
        block, button = found[0]
        action = {"action_id": button["action_id"], "block_id": block["block_id"], "text": button.get("text")}
        action |= {key: button[key] for key in ("value", "style", "url", "confirm") if key in button}
        return await self._act(who, place, action | {"type": button["type"]})

    async def choose(self, user: User | str, where: str | Place, action_id: str, option: Any) -> Delivery:
        """Somebody chooses in a menu: an option by its value or words, or a user, channel, date or time."""
        who, place = self._world.space.user(user), self._find(where)
        block, element = _element(place, action_id)
        state = _state(element, option)
        self._keep(who, place, block, element, state)
        return await self._act(who, place, {"action_id": action_id, "block_id": block["block_id"], **state})

    async def fill(self, user: User | str, where: str | Place, action_id: str, value: Any) -> None:
        """Somebody types or chooses without sending anything."""
        who, place = self._world.space.user(user), self._find(where)
        block, element = _element(place, action_id)
        self._keep(who, place, block, element, _state(element, value))
        self._world.ring()

    async def type_ahead(self, user: User | str, where: str | Place, action_id: str, text: str) -> list[Json]:
        """Somebody types into a menu with options of the app: the options that it gives."""
        who, place = self._world.space.user(user), self._find(where)
        block, element = _element(place, action_id)
        assert element["type"].endswith("external_select"), f"{action_id} has options of its own"
        given = {"type": "block_suggestion", "action_id": action_id, "block_id": block["block_id"], "value": text}
        payload = self._payload(given, who) | self._container(who, place, suggestion=True)
        payload.pop("trigger_id")
        done = await self._send("interactive", payload)
        options: list[Json] = list(done.answer.get("options", []))
        for group in done.answer.get("option_groups", []):
            options += group["options"]
        element["_offered"] = options
        return options

    async def submit(
        self, user: User | str, values: Mapping[str, Any] | None = None, view: View | None = None
    ) -> Delivery:
        """Somebody fills the modal in front, by action_id or block_id, and submits it."""
        who = self._world.space.user(user)
        view = view or self._front(who)
        for name, value in (values or {}).items():
            block, element = _element(view, name)
            self._keep(who, view, block, element, _state(element, value))
        for block in view.blocks:
            if block["type"] == "input" and not block.get("optional"):
                given = view.values.get(block["block_id"], {}).get(block["element"]["action_id"])
                assert given is not None and _filled(given), f"{block['block_id']} must be filled in"
        payload = self._payload({"type": "view_submission", "view": view.json(), "response_urls": []}, who)
        done = await self._send("interactive", payload)
        if done.acknowledged:
            self._submitted(who.id, view, done.answer)
        self._world.ring()
        return done

    def _submitted(self, user: str, view: View, answer: Json) -> None:
        stack = self._world.space.modals.get(user, [])
        action = answer.get("response_action", "")
        if action == "errors":
            view.errors = dict(answer["errors"])
            unknown = set(view.errors) - {block["block_id"] for block in view.blocks if block["type"] == "input"}
            assert not unknown, f"errors for blocks that are no inputs: {unknown}"
        elif action == "update":
            self._world.renew(view, checked(answer.get("view"), "modal"))
        elif action == "push":
            stack.append(self._world.view(checked(answer.get("view"), "modal"), user, view))
        elif action == "clear":
            stack.clear()
        else:
            assert not action, f"there is no response_action {action!r}"
            stack[:] = [one for one in stack if one is not view]

    async def close(self, user: User | str, view: View | None = None) -> Delivery | None:
        """Somebody closes the modal in front; the app hears of it where it asked to."""
        who = self._world.space.user(user)
        view = view or self._front(who)
        stack = self._world.space.modals[who.id]
        stack[:] = [] if view.content.get("clear_on_close") else [one for one in stack if one is not view]
        self._world.ring()
        if not view.content.get("notify_on_close"):
            return None
        payload = self._payload({"type": "view_closed", "view": view.json(), "is_cleared": False}, who)
        payload.pop("trigger_id")
        return await self._send("interactive", payload)

    async def command(self, user: User | str, channel: Channel | str, command: str, text: str = "") -> Delivery:
        """Somebody types a slash command; what the acknowledgement says is shown as Slack does."""
        world, who = self._world, self._world.space.user(user)
        place = (
            world.space.direct(world.app.user, who.id)
            if channel in (world.app.user, world.app.name)
            else world.space.channel(channel)
        )
        team = world.space.teams[who.team]
        name = {"im": "directmessage", "mpim": "mpdm", "private": "privategroup"}.get(place.kind, place.name)
        payload = {
            "token": world.app.verification,
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": place.id,
            "channel_name": name,
            "user_id": who.id,
            "user_name": who.name,
            "command": command,
            "text": text,
            "api_app_id": world.app.id,
            "is_enterprise_install": "false",
            "response_url": world.response_url(place.id, who.id),
            "trigger_id": world.trigger(who.id),
        }
        done = await self._send("slash_commands", payload)
        if done.answer.get("text") or done.answer.get("blocks"):
            respond(world, payload["response_url"].rpartition("/")[2], done.answer)
        return done

    async def shortcut(self, user: User | str, callback_id: str, message: str | Message | None = None) -> Delivery:
        """Somebody uses a shortcut: on a message, or, without one, a global one."""
        who = self._world.space.user(user)
        given: Json = {"type": "shortcut", "callback_id": callback_id, "action_ts": self._world.space.ts()}
        if message is not None:
            found = self._find(message)
            assert isinstance(found, Message)
            channel = self._world.space.channels[found.channel]
            given |= {
                "type": "message_action",
                "message_ts": found.ts,
                "message": self._world.shape(found),
                "channel": {"id": channel.id, "name": channel.name or "directmessage"},
                "response_url": self._world.response_url(channel.id, who.id, found.ts, found.thread_ts),
            }
        return await self._send("interactive", self._payload(given, who))

    async def _act(self, who: User, place: Place, action: Json) -> Delivery:
        given = {"type": "block_actions", "actions": [action | {"action_ts": self._world.space.ts()}]}
        payload = self._payload(given, who) | self._container(who, place)
        return await self._send("interactive", payload)

    def _payload(self, given: Json, who: User) -> Json:
        app, team = self._world.app, self._world.space.teams[who.team]
        person = {"id": who.id, "username": who.name, "name": who.name, "team_id": who.team}
        return {
            **given,
            "user": person,
            "api_app_id": app.id,
            "token": app.verification,
            "trigger_id": self._world.trigger(who.id),
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _container(self, who: User, place: Place, *, suggestion: bool = False) -> Json:
        world = self._world
        if isinstance(place, View):
            return {"container": {"type": "view", "view_id": place.id}, "view": place.json()}
        channel = world.space.channels[place.channel]
        hidden = isinstance(place, Ephemeral)
        container: Json = {
            "type": "message",
            "message_ts": place.ts,
            "channel_id": channel.id,
            "is_ephemeral": hidden,
        }
        if place.thread_ts:
            container["thread_ts"] = place.thread_ts
        given: Json = {
            "container": container,
            "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        }
        if isinstance(place, Message):
            given["message"] = world.shape(place)
        if suggestion:
            return given
        given["state"] = {"values": world.states.get((who.id, place.channel, place.ts), {})}
        given["response_url"] = world.response_url(channel.id, who.id, place.ts, place.thread_ts)
        return given

    async def _send(self, kind: Envelope, payload: Json) -> Delivery:
        return await self._world.deliveries.finished(self._world.deliveries.send(kind, payload))

    def _keep(self, who: User, place: Place, block: Json, element: Json, state: Json) -> None:
        if isinstance(place, View):
            values = place.values
        else:
            values = self._world.states.setdefault((who.id, place.channel, place.ts), {})
        values.setdefault(block["block_id"], {})[element["action_id"]] = state

    def _find(self, where: str | Place) -> Place:
        if not isinstance(where, str):
            return where
        for kept in self._world.space.messages.values():
            if where in kept and not kept[where].deleted:
                return kept[where]
        for one in self._world.space.ephemerals:
            if one.ts == where and not one.deleted:
                return one
        raise AssertionError(f"there is no message {where}")

    def _front(self, who: User) -> View:
        stack = self._world.space.modals.get(who.id)
        assert stack, f"{who.name} has no modal open"
        return stack[-1]


def _words(element: Json) -> str:
    text = element.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else ""


def _element(place: Place, name: str) -> tuple[Json, Json]:
    found = [(block, one) for block, one in place.elements() if name in (one["action_id"], block["block_id"])]
    assert found, f"there is no {name!r}: {[one['action_id'] for _, one in place.elements()]}"
    return found[0]


def _state(element: Json, value: Any) -> Json:
    kind = element["type"]
    field = _CHOSEN.get(kind, "value")
    if field in _OPTIONS:
        several = field == "selected_options"
        chosen = [_option(element, one) for one in (value if several else [value])]
        return {"type": kind, field: chosen if several else chosen[0]}
    return {"type": kind, field: value}


def _option(element: Json, wanted: Any) -> Json:
    offered = [*element.get("options", []), *element.get("_offered", [])]
    for group in element.get("option_groups", []):
        offered += group["options"]
    for one in offered:
        if wanted in (one.get("value"), one["text"]["text"]):
            found: Json = one
            return found
    raise AssertionError(f"{wanted!r} is none of {[one.get('value') for one in offered]}")


def _filled(state: Json) -> bool:
    return any(value not in (None, "", []) for key, value in state.items() if key != "type")
