"""The part of honk.toml that says under which names people know which repositories."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from honk.domain.address import canonical
from honk.domain.repository import Named
from honk.settings.policy import Wrong


def _address(value: str) -> str:
    if canonical(value) is None:
        raise ValueError("not an address: give a git URL, or an absolute path on this machine")
    if "://" in value and "@" in value.split("://", 1)[1].split("/", 1)[0] and not value.startswith("ssh://"):
        raise ValueError("an address has no user and no password: keep them in git's credential helper")
    return value


def _name(value: str) -> str:
    if not value.strip() or any(ord(one) < 32 for one in value):
        raise ValueError("a name has at least one letter, and is on one line")
    return value.strip()


def _table(value: object) -> object:
    return {"address": value} if isinstance(value, str) else value


class RepositorySettings(BaseModel):
    """One repository; only an address may be written as a string."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: a git URL, or an absolute path on this machine
    address: Annotated[str, AfterValidator(_address)]
    #: other names that people use, such as "ios app"
    aliases: tuple[Annotated[str, Field(max_length=100), AfterValidator(_name)], ...] = ()
    #: in a sentence, what is in it
    description: Annotated[str, Field(max_length=1000)] = ""


Repositories = dict[
    Annotated[str, Field(max_length=100), AfterValidator(_name)],
    Annotated[RepositorySettings, BeforeValidator(_table)],
]


def wrong_repositories(repositories: Mapping[str, RepositorySettings]) -> Iterator[Wrong]:
    """Names and addresses that stand for two."""
    names: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for key, one in repositories.items():
        for place, name in (
            (("repositories", key), key),
            *((("repositories", key, "aliases"), a) for a in one.aliases),
        ):
            if names.setdefault(name.casefold(), key) != key:
                yield place, f"{name!r} is a name of {names[name.casefold()]} already"
        address = canonical(one.address) or one.address
        if addresses.setdefault(address, key) != key:
            yield ("repositories", key, "address"), f"{address} is {addresses[address]} already"


def named(repositories: Mapping[str, RepositorySettings]) -> tuple[Named, ...]:
    """The repositories of the file."""
    return tuple(
        Named(name=key, address=one.address, aliases=one.aliases, description=one.description)
        for key, one in repositories.items()
    )
