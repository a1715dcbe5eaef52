"""What Honk gives a build to carry: a number that only grows, a version, and what sets it apart from the app itself."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from honk.domain.app_package import AppFacts
from honk.domain.repository import Sha
from honk.domain.task import TaskId

if TYPE_CHECKING:  # whoever knows a build does not load what reads settings
    from honk.domain.repository_config import BuildConfig

#: Android takes no greater version code
GREATEST = 2_100_000_000
_BESIDE = ".honk"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """The same commit of a task has the same stamp, whoever builds it and how often."""

    #: grows with each commit that is built of this app, across tasks
    number: int
    #: what people call the version; "" leaves the project's own
    version: str = ""
    #: behind the app's identifier and its name, where it is to be installed beside the app itself
    id_suffix: str = ""
    name_suffix: str = ""

    def numbered(self, number: int) -> "Stamp":
        """The same with that number, also where the version has it within."""
        return replace(self, number=number, version=self.version.replace("{number}", str(number)))

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that a build command finds; what is not set is not among them."""
        said = {
            "HONK_BUILD_NUMBER": str(self.number),
            "HONK_VERSION": self.version,
            "HONK_APP_ID_SUFFIX": self.id_suffix,
            "HONK_APP_NAME_SUFFIX": self.name_suffix,
        }
        return {name: value for name, value in said.items() if value}


def stamp_of(config: "BuildConfig | None", task: TaskId, commit: Sha) -> Stamp:
    """The stamp as the repository wants it, with the least number that it may have."""
    if config is None:
        return Stamp(number=1)
    plain = Stamp(number=config.first_number, version=config.version.replace("{commit}", commit[:7]))
    if config.side_by_side == "no":
        return plain
    if config.side_by_side == "app":
        return replace(plain, id_suffix=_BESIDE, name_suffix=" (Honk)")
    # a part of an identifier begins with a letter, and has neither hyphens (Android) nor underscores (Apple)
    own = "t" + hashlib.sha256(task.encode()).hexdigest()[:8]
    return replace(plain, id_suffix=f"{_BESIDE}.{own}", name_suffix=f" ({task[:30]})")


def missed(stamp: Stamp, facts: AppFacts) -> tuple[str, ...]:
    """What of the stamp the app does not carry, in sentences; nothing where it carries all of it."""
    return tuple(_missed(stamp, facts))


def _missed(stamp: Stamp, facts: AppFacts) -> Iterator[str]:
    wanted = str(stamp.number)
    # Apple's numbers may have parts: a CI that runs again adds one
    if facts.number != wanted and not (facts.form == "ipa" and facts.number.startswith(f"{wanted}.")):
        what = "version code" if facts.form != "ipa" else "build number"
        yield f"Its {what} is {facts.number or 'not set'}, and Honk gave {wanted}."
        if facts.form != "ipa" and facts.number.isdecimal() and int(facts.number) < stamp.number:
            yield "Android refuses it over a build that has the greater number."
    if stamp.version and facts.version != stamp.version:
        yield f"Its version is {facts.version or 'not set'}, and Honk gave {stamp.version}."
    if stamp.id_suffix and not facts.id.endswith(stamp.id_suffix):
        yield f"Its identifier does not end in {stamp.id_suffix}: it takes the place of the app itself."
    if stamp.name_suffix and not facts.name.endswith(stamp.name_suffix.strip()):
        yield f"Its name does not end in {stamp.name_suffix.strip()}."
