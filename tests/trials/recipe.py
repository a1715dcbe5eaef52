"""What a trial is: one real past fix of a real project, cut out of two of its releases."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRIALS = Path(__file__).with_name("trials.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A source package: its exact version and the SHA-256 of the archive."""

    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    name: str
    #: "python" (a source distribution, by pip) or "node" (a package that ships its tests, by npm)
    language: str
    package: str
    #: its tree becomes the base commit
    old: Release
    #: the fix is taken from it
    new: Release
    #: what Honk is told; it reports a defect
    instruction: str
    #: the line of the project's changelog, or the issue, that the fix belongs to
    evidence: str
    #: files of the fix, as in the newer release
    source: tuple[str, ...]
    #: files of its tests, as in the newer release
    tests: tuple[str, ...]
    #: path → regular expressions: only the hunks of that file in which one of them is found
    hunks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: globs of what the archive has and the project's repository has not
    drop: tuple[str, ...] = ()
    #: part of the name of a test that must be recorded as red without the fix and green with it
    proof: str = ""
    #: without Honk: what `pip install` gets besides the project, and the command that runs the tests
    needs: tuple[str, ...] = ()
    command: str = "python -m pytest -q"

    @property
    def paths(self) -> tuple[str, ...]:
        return self.source + self.tests


def load(path: Path = TRIALS) -> tuple[Trial, ...]:
    """Every trial of the file, in its order. Raises KeyError or TypeError for a recipe with errors."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_trial(name, entry) for name, entry in table.items())


def _trial(name: str, entry: dict[str, Any]) -> Trial:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    values |= {key: Release(**entry[key]) for key in ("old", "new")}
    values["hunks"] = {path: tuple(found) for path, found in entry.get("hunks", {}).items()}
    return Trial(name=name, **values)
