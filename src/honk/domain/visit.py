"""A browser that has signed in: who it belongs to, what it may do, and what people know it by."""

import re
from dataclasses import dataclass
from datetime import datetime

from honk.domain.access import Scope
from honk.domain.person import Person, PersonId

#: What browsers call themselves, the most telling first: most of them claim to be others too.
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
_SYSTEMS = (
    *(("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android"), ("Windows", "Windows")),
    *(("CrOS", "ChromeOS"), ("Mac OS X", "a Mac"), ("Linux", "Linux")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One browser from signing in to signing out. Of where it is nothing is kept."""

    id: str
    person: PersonId
    scopes: frozenset[Scope]
    #: how somebody signed in: "token", "link", "passkey", or the name of a provider of honk.toml
    way: str
    #: the id of the access token that this comes of, whose end is its end; "" for none
    token: str = ""
    #: what the browser says that it is, such as "Firefox on Android"
    device: str
    began_at: datetime
    seen_at: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Passkey:
    """A key that a device or a password manager keeps. Only its public half is known here."""

    #: the credential's id, as base64url
    id: str
    person: PersonId
    name: str
    #: COSE, as base64url
    public_key: str
    #: signatures that it says it has made; 0 where it does not count
    count: int
    #: what the visit might do in which it was added, and so what it opens
    scopes: frozenset[Scope]
    #: the id of the access token of that visit, whose end is its end; "" for none
    token: str = ""
    made_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """Somebody who has shown who they are."""

    person: Person
    scopes: frozenset[Scope]
    way: str
    token: str = ""


def device_of(user_agent: str) -> str:
    """What people would call the browser that says this of itself."""
    browser = next((name for part, name in _BROWSERS if part in user_agent), "")
    system = next((name for part, name in _SYSTEMS if part in user_agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    program = re.match(r"[A-Za-z][A-Za-z0-9._-]{0,30}", user_agent)
    return program[0] if program else "a browser"
