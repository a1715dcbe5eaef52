"""What an app's file is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from honk.domain.app_package import AppFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a file is by its content."""

    #: "zip" and "tar" are archives that are no app; "" is everything else
    form: Literal["apk", "aab", "ipa", "zip", "tar", ""] = ""
    #: None where it is no app, or could not be read
    facts: AppFacts | None = None
    #: a PNG or WebP of at most 2048 × 2048; empty where there is none
    icon: bytes = b""
    #: why what it is could not be read; "" where it was
    unread: str = ""


class Packages(Protocol):
    """Reads files that somebody hostile may have made."""

    async def read(self, file: Path) -> Reading:
        """Within a minute, and within the walls of a sandbox. Whatever the file is, that is an answer.

        Raises what opening a sandbox raises.
        """


class NoPackages:
    """Implements Packages where nothing reads them."""

    async def read(self, file: Path) -> Reading:
        return Reading(unread="nothing here reads such files")
