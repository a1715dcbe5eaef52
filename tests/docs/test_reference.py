"""Every setting, command, state and outcome is documented."""

import json
import re
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

sys.path.insert(0, str(Path(__file__).resolve().parent))
import command_reference

from honk.domain.repository_config import RepositoryConfig, VerifyCommand
from honk.domain.task import State
from honk.domain.turn import Outcome
from honk.settings import File
from honk.views import EXITS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
SETTINGS = (REFERENCE / "settings.md").read_text(encoding="utf-8")
MACHINE, REPOSITORY = SETTINGS.split("## A repository's own file")


def models(model: type[BaseModel], name: str = "") -> list[tuple[str, type[BaseModel]]]:
    """The model and the tables in it, by the names that they have in the file."""
    found = [(name, model)]
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not VerifyCommand:
                found += models(kind, f"[{key}]")
    return found


def rows(page: str, table: str) -> dict[str, str]:
    """Keys and defaults of the rows below a table's heading row, up to the next one."""
    part = page
    if table:
        assert f"**`{table}`**" in page, f"{table} is not documented"
        part = page.split(f"**`{table}`**", 1)[1]
    part = re.split(r"\| \*\*`|\n\n(?!\|)", part.strip(), maxsplit=1)[0] if table else part.split("| **`", 1)[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", part, re.MULTILINE))


def default(field: FieldInfo) -> str | None:
    """The default as the page shows it; None where words say it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return None
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


@pytest.mark.parametrize(
    ("page", "table", "model"),
    [
        *((MACHINE, table, model) for table, model in models(File) if table),
        *((REPOSITORY, table, model) for table, model in models(RepositoryConfig)),
        (REPOSITORY, "[[verify]]", VerifyCommand),
    ],
)
def test_every_key_stands_in_the_reference_with_its_default(page: str, table: str, model: type[BaseModel]) -> None:
    documented = rows(page, table)
    shown = {key: default(field) for key, field in model.model_fields.items()}
    tables = {key for key, value in shown.items() if value is None or (value == "none" and not table)}
    assert set(documented) == set(model.model_fields) - tables
    said_in_words = {"setup", "verify"} if not table else {"name"} if table == "[[verify]]" else set()
    for key in set(documented) - said_in_words:
        assert documented[key] == default(model.model_fields[key]), f"{table} {key}"


def test_every_table_stands_in_the_reference() -> None:
    for page, model in ((MACHINE, File), (REPOSITORY, RepositoryConfig)):
        for table, _ in models(model):
            assert not table or f"**`{table}`**" in page


def test_the_page_of_commands_is_that_of_the_commands() -> None:
    written = command_reference.PAGE.read_text(encoding="utf-8")
    assert written == command_reference.render(), "run: .venv/bin/python tests/docs/command_reference.py"


def test_the_commands_of_the_journey_are_there() -> None:
    wanted = {"demo", "init", "doctor", "run", "tasks", "show", "follow", "reply", "stop", "retry", "diff", "log"}
    assert wanted | {"merge", "undo", "gc"} <= set(command_reference.commands())


def test_what_the_list_of_commands_says_is_what_each_says_of_itself() -> None:
    group = command_reference.group()
    for name, listed in group.commands.items():
        _, command, _ = group.resolve_command(None, [name])
        assert command.get_short_help_str(1000) == listed.help, name


def test_every_state_and_outcome_is_explained() -> None:
    page = (REFERENCE / "states-and-exits.md").read_text(encoding="utf-8")
    states = re.findall(r"^\| `(\w+)` \|", page.split("## Outcomes")[0], re.MULTILINE)
    assert states == [str(state) for state in states] and set(states) == {str(state) for state in State}
    exits = dict(re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| (\d+) \|", page, re.MULTILINE))
    assert {Outcome(name): int(code) for name, code in exits.items()} == EXITS
