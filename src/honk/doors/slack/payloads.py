"""What Slack sends, as far as this door reads it. Everything else is ignored, and nothing of it is believed.

The shapes are those of https://docs.slack.dev/reference/events and …/interaction-payloads. Here ends the last
dictionary: what goes further in are these records.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from honk.doors.slack.plain_words import words_of


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


def _none_is_nothing(value: object) -> object:
    return () if value is None else value


def _none_is_zero(value: object) -> object:
    return 0 if value is None else value


Number = Annotated[int, BeforeValidator(_none_is_zero)]
Text = Annotated[str, BeforeValidator(_none_is_empty)]
Blocks = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_none_is_nothing)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ChatFile(_Record):
    """A file in a message."""

    id: Text = ""
    name: Text = ""
    title: Text = ""
    mimetype: Text = ""
    filetype: Text = ""
    size: Number = 0
    url_private_download: Text = ""
    url_private: Text = ""
    #: "tombstone" where it was deleted, "file_access" where it can only be asked for
    mode: Text = ""
    file_access: Text = ""

    @property
    def address(self) -> str:
        """Where its bytes are."""
        return self.url_private_download or self.url_private


Files = Annotated[tuple[ChatFile, ...], BeforeValidator(_none_is_nothing)]


class AttachmentField(_Record):
    """A line of an attachment, such as "Release: 2.3"."""

    title: Text = ""
    value: Text = ""


class Attachment(_Record):
    """A forwarded or quoted message, or what a link unrolled to."""

    text: Text = ""
    fallback: Text = ""
    pretext: Text = ""
    title: Text = ""
    title_link: Text = ""
    from_url: Text = ""
    author_name: Text = ""
    author_id: Text = ""
    channel_name: Text = ""
    is_msg_unfurl: bool = False
    is_share: bool = False
    files: Files = ()
    fields: Annotated[tuple[AttachmentField, ...], BeforeValidator(_none_is_nothing)] = ()
    blocks: Blocks = ()

    @property
    def words(self) -> str:
        """Everything that it shows, a line each."""
        shown = self.text or words_of(self.blocks) or self.fallback
        lines = [f"{one.title}: {one.value}" if one.title else one.value for one in self.fields]
        return "\n".join(line for line in (self.pretext, self.title, shown, *lines) if line.strip())


Attachments = Annotated[tuple[Attachment, ...], BeforeValidator(_none_is_nothing)]


class Edited(_Record):
    """That a message was changed, and when."""

    user: Text = ""
    ts: Text = ""


class Said(_Record):
    """A message, from an event or from the history."""

    type: Text = ""
    subtype: Text = ""
    ts: Text = ""
    thread_ts: Text = ""
    channel: Text = ""
    channel_type: Text = ""
    user: Text = ""
    text: Text = ""
    bot_id: Text = ""
    app_id: Text = ""
    team: Text = ""
    user_team: Text = ""
    source_team: Text = ""
    username: Text = ""
    blocks: Blocks = ()
    attachments: Attachments = ()
    files: Files = ()
    edited: Edited | None = None
    hidden: bool = False

    @property
    def root(self) -> str:
        """The message below which its thread hangs; its own ts where it may begin one."""
        return self.thread_ts or self.ts

    @property
    def words(self) -> str:
        """What it says, with Slack's marks; a program's words are often in its blocks alone."""
        if self.text.strip() and not self.bot_id:
            return self.text
        more = words_of(self.blocks)
        return "\n".join(one for one in (self.text, more) if one.strip()) if more != self.text.strip() else self.text

    @property
    def by_a_person(self) -> bool:
        """Whether somebody wrote it; joins, pins and bots did not."""
        return (
            self.user not in {"", "USLACKBOT"}
            and not self.bot_id
            and self.subtype in {"", "file_share", "thread_broadcast", "me_message"}
        )


class Changed(_Record):
    """`message_changed` and `message_deleted`."""

    subtype: Text = ""
    channel: Text = ""
    channel_type: Text = ""
    message: Said | None = None
    previous_message: Said | None = None
    deleted_ts: Text = ""
    event_ts: Text = ""


class Item(_Record):
    """What a reaction was added to."""

    type: Text = ""
    channel: Text = ""
    ts: Text = ""


class Reaction(_Record):
    """`reaction_added`."""

    user: Text = ""
    reaction: Text = ""
    item: Item = Item()
    item_user: Text = ""
    event_ts: Text = ""


class Named(_Record):
    """Somebody, or something, by its id."""

    id: Text = ""
    name: Text = ""
    username: Text = ""
    team_id: Text = ""
    domain: Text = ""


class Container(_Record):
    """Where a button was."""

    type: Text = ""
    message_ts: Text = ""
    channel_id: Text = ""
    thread_ts: Text = ""
    view_id: Text = ""
    is_ephemeral: bool = False


class Choice(_Record):
    """An option that was chosen."""

    value: Text = ""


class Pressed(_Record):
    """One action within an interaction."""

    action_id: Text = ""
    block_id: Text = ""
    type: Text = ""
    value: Text = ""
    action_ts: Text = ""
    selected_option: Choice | None = None

    @property
    def chosen(self) -> str:
        """Its value, or that of the option that was chosen in it."""
        return self.selected_option.value if self.selected_option else self.value


class InputValue(_Record):
    """What was put into one input of a modal."""

    type: Text = ""
    value: Text = ""
    selected_option: Choice | None = None
    selected_options: Annotated[tuple[Choice, ...], BeforeValidator(_none_is_nothing)] = ()

    @property
    def given(self) -> str:
        return self.selected_option.value if self.selected_option else self.value


class State(_Record):
    """All inputs, by block and action."""

    values: dict[str, dict[str, InputValue]] = Field(default_factory=dict)

    def given(self, block: str) -> str:
        """What was put into the one input of that block."""
        return next((one.given for one in self.values.get(block, {}).values()), "")

    def chosen(self, block: str) -> tuple[str, ...]:
        """The boxes of that block that were checked."""
        return tuple(choice.value for one in self.values.get(block, {}).values() for choice in one.selected_options)


class View(_Record):
    """A modal, or a home tab."""

    id: Text = ""
    type: Text = ""
    callback_id: Text = ""
    private_metadata: Text = ""
    hash: Text = ""
    state: State = State()


class Interaction(_Record):
    """A press, a shortcut, a submitted modal."""

    type: Text = ""
    callback_id: Text = ""
    trigger_id: Text = ""
    response_url: Text = ""
    action_ts: Text = ""
    message_ts: Text = ""
    user: Named = Named()
    team: Named | None = None
    channel: Named | None = None
    container: Container = Container()
    message: Said | None = None
    actions: Annotated[tuple[Pressed, ...], BeforeValidator(_none_is_nothing)] = ()
    view: View | None = None
    #: of a search field: what was typed, and where
    value: Text = ""
    action_id: Text = ""

    @property
    def where(self) -> str:
        """The channel; "" in a home tab or a modal."""
        return (self.channel.id if self.channel else "") or self.container.channel_id


class Command(_Record):
    """`/honk …`."""

    command: Text = ""
    text: Text = ""
    user_id: Text = ""
    user_name: Text = ""
    team_id: Text = ""
    channel_id: Text = ""
    channel_name: Text = ""
    trigger_id: Text = ""
    response_url: Text = ""


class Profile(_Record):
    """What somebody says of themselves."""

    display_name: Text = ""
    real_name: Text = ""


class ChatUser(_Record):
    """Somebody in Slack."""

    id: Text = ""
    team_id: Text = ""
    name: Text = ""
    real_name: Text = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    #: seconds east of Greenwich, at present
    tz_offset: Number = 0
    profile: Profile = Profile()

    @property
    def shown(self) -> str:
        """The name that people know them by."""
        return self.profile.display_name or self.profile.real_name or self.real_name or self.name or self.id

    @property
    def guest(self) -> bool:
        return self.is_restricted or self.is_ultra_restricted


class ChatChannel(_Record):
    """A conversation in Slack."""

    id: Text = ""
    name: Text = ""
    is_im: bool = False
    is_mpim: bool = False
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    is_member: bool = False
