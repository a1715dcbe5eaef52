"""Who a user of Slack is to Honk, and who is let in at all.

Guests and people of other workspaces are let in when the policy names them, or when the settings say so. Bots never
are, so that none can talk Honk into a loop. Whoever is not linked with a person may ask, as far as the policy lets
that identity; what goes to production takes a link.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.text import shortened, visible
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.backstage import Backstage
from honk.doors.slack.payloads import ChatUser
from honk.errors import HonkError, NotAllowed
from honk.service import Local

#: Names that are looked up for one conversation; whoever else is in it is shown by id.
_NAMES = 50


class Unlinked(NotAllowed):
    """The act takes a link, and the user has none: the door offers one."""


class KeptOut(NotAllowed):
    """Guests, people of other workspaces, bots: nobody of those whom this door is for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody at the door."""

    #: Slack's id
    user: str
    shown: str
    person: Person
    linked: bool
    #: what they may ask of this Honk
    service: Local


class People:
    """Asked at every act: nothing that was true before is believed longer than Slack's own answers are."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot

    async def caller(self, user: str) -> Caller:
        """Raises KeptOut for who is not let in."""
        found = await self._api.user(user)
        who = await self._stage.linking.who(identity(user), found.shown)
        if not who.linked and (reason := self._kept_out(found)):
            raise KeptOut(reason, "an administrator of Honk can name you in honk.toml: [people]")
        if found.deleted or found.is_bot:
            raise KeptOut("bots and deactivated accounts are not heard")
        return Caller(
            user=user,
            shown=found.shown,
            person=who.person,
            linked=who.linked,
            service=self._stage.service(who.person),
        )

    async def hears(self, user: str) -> bool:
        """Whether the user is let in."""
        try:
            await self.caller(user)
        except KeptOut:
            return False
        return True

    async def linked(self, user: str) -> Caller:
        """The same, for what goes to production. Raises Unlinked."""
        caller = await self.caller(user)
        if not caller.linked:
            raise Unlinked(
                "I do not know yet who you are outside of Slack, and this goes to production",
                "link yourself once: /honk link",
            )
        return caller

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """What these users are called; a name that Slack does not tell is the id."""
        found: dict[str, str] = {}
        for user in sorted(set(users))[:_NAMES]:
            try:
                found[user] = shortened(visible((await self._api.user(user)).shown), 80)
            except HonkError:
                found[user] = user
        return found

    def _kept_out(self, found: ChatUser) -> str:
        choices = self._stage.choices
        stranger = found.is_stranger or (found.team_id not in {"", self._bot.team})
        if stranger and not choices.strangers:
            return "people of other workspaces are not heard here"
        if found.guest and not choices.guests:
            return "guests are not heard here"
        return ""

    def address_of_link(self, caller: Caller, workspace: str) -> str | None:
        """Where the caller links themselves; None while a phone cannot open it."""
        path = self._stage.linking.address(identity(caller.user), f"{caller.shown} ({caller.user})", workspace)
        return self._stage.ports.previews.page(path)


def identity(user: str) -> Identity:
    """Under which Honk knows the user."""
    return Identity(kind=IdentityKind.SLACK, value=user)
