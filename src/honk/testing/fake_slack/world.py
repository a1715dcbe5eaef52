"""What the methods of the Web API and the acts of people work on together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from honk.testing.fake_slack import shapes
from honk.testing.fake_slack.app import App
from honk.testing.fake_slack.deliveries import Deliveries
from honk.testing.fake_slack.events import Events
from honk.testing.fake_slack.workspace import Channel, Ephemeral, Json, Message, View, Workspace, named

#: how long a trigger may be exchanged, in seconds, and how often and long a response_url works
TRIGGER_SECONDS = 3.0
RESPONSES, RESPONSE_SECONDS = 5, 1800.0


class Refused(Exception):
    """An answer with ok=false; `more` is beside the error."""

    def __init__(self, error: str, **more: object) -> None:
        super().__init__(error)
        self.error = error
        self.more: Json = dict(more)


@dataclass
class Trigger:
    """What an interaction permits: to open one view, soon."""

    user: str
    at: float
    used: bool = False


@dataclass
class ResponseUrl:
    """Where an app may answer to an interaction."""

    channel: str
    user: str
    ts: str
    thread_ts: str
    at: float
    used: int = 0


@dataclass
class Assistant:
    """What an assistant thread shows beside its messages."""

    status: str = ""
    title: str = ""
    prompts: list[Json] = field(default_factory=list)
    #: every status that it had, oldest first
    statuses: list[str] = field(default_factory=list)


@dataclass(eq=False)
class World:
    """One workspace with its app, and what is between them."""

    space: Workspace
    app: App
    deliveries: Deliveries
    events: Events
    ring: Callable[[], None]
    url: str = ""
    triggers: dict[str, Trigger] = field(default_factory=dict)
    responses: dict[str, ResponseUrl] = field(default_factory=dict)
    assistants: dict[tuple[str, str], Assistant] = field(default_factory=dict)
    #: what was typed or chosen in messages, by (user, channel, ts)
    states: dict[tuple[str, str, str], dict[str, dict[str, Json]]] = field(default_factory=dict)
    unfurls: list[Json] = field(default_factory=list)

    def trigger(self, user: str) -> str:
        """A new trigger id."""
        name = f"{self.space.number()}.{uuid4().int % 10**12}.{uuid4().hex}"
        self.triggers[name] = Trigger(user, self.space.clock())
        return name

    def exchange(self, name: str) -> Trigger:
        """Uses up a trigger. Refused where it is unknown, was used or is too old."""
        found = self.triggers.get(name)
        if found is None:
            raise Refused("invalid_trigger_id")
        if found.used:
            raise Refused("exchanged_trigger_id")
        if self.space.clock() - found.at > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        found.used = True
        return found

    def response_url(self, channel: str, user: str, ts: str = "", thread_ts: str = "") -> str:
        """A new address for answers to an interaction."""
        name = uuid4().hex
        self.responses[name] = ResponseUrl(channel, user, ts, thread_ts, self.space.clock())
        return f"{self.url}/actions/{self.app.team}/{name}"

    def post(self, message: Message) -> Message:
        """Keeps a message and tells the app."""
        self.space.add(message)
        if message.bot_id == self.app.bot_id and message.thread_ts:
            self._quiet(message.channel, message.thread_ts)
        self.events.posted(message)
        self.ring()
        return message

    def _quiet(self, channel: str, thread: str) -> None:
        """An answer ends the status of its assistant thread."""
        found = self.assistants.get((channel, thread))
        if found is not None and found.status:
            found.status = ""
            found.statuses.append("")

    def change(self, message: Message, change: Callable[[Message], None], *, quiet: bool = False) -> Message:
        """Changes a message, remembers the version and tells the app."""
        before = self.shape(message)
        change(message)
        message.keep_version()
        if not quiet:
            self.events.changed(message, before)
        self.ring()
        return message

    def remove(self, message: Message) -> None:
        """Deletes a message and tells the app."""
        message.deleted = True
        self.events.deleted(message)
        self.ring()

    def shape(self, message: Message) -> Json:
        """A message as JSON."""
        return shapes.message(self.space, message, self.url)

    def whisper(self, channel: Channel, user: str, text: str, blocks: list[Json], thread_ts: str = "") -> Ephemeral:
        """A message that only one person sees."""
        kept = Ephemeral(self.space.ts(), channel.id, user, text, named(blocks), thread_ts)
        self.space.ephemerals.append(kept)
        self.ring()
        return kept

    def view(self, content: Json, user: str, previous: View | None = None) -> View:
        """A new view of that person."""
        content = {**content, "blocks": named(content["blocks"])}
        name = f"V{uuid4().hex[:10].upper()}"
        view = View(
            id=name,
            user=user,
            team=self.app.team,
            content=content,
            hash=self.hash(),
            app_id=self.app.id,
            bot_id=self.app.bot_id,
            root=previous.root if previous else name,
            previous=previous.id if previous else "",
        )
        view.versions.append(content)
        return view

    def renew(self, view: View, content: Json) -> None:
        """Another content for an open view; what was typed stays where block and action are the same."""
        view.content = {**content, "blocks": named(content["blocks"])}
        view.versions.append(view.content)
        view.hash = self.hash()
        view.errors = {}
        kept = {(block["block_id"], element["action_id"]) for block, element in view.elements()}
        view.values = {
            block: actions
            for block, values in view.values.items()
            if (actions := {action: value for action, value in values.items() if (block, action) in kept})
        }
        self.ring()

    def hash(self) -> str:
        """What tells two versions of a view apart."""
        return f"{int(self.space.clock())}.{uuid4().hex[:8]}"
