"""What Honk advises, said to somebody who holds a phone and no terminal."""

import re
from pathlib import Path

import pytest

import honk
from honk.doors.slack.plain_words import remedy_of, said_of
from honk.errors import NotNow

SAID = {
    "`honk tasks` lists them.": "",
    "honk show t1-ab": "",
    "honk diff t1-ab | git apply takes the change itself": "",
    "honk run begins a new task": "",
    "honk approve t1-ab": "press Review",
    "honk retry": "press Retry",
    "honk retry t1-ab finishes it": "Retry finishes it",
    "honk retry t1-ab --from build makes it again": "",
    "what makes sense now: honk retry t1-ab --from build|deploy": "",
    "merge when it rests: honk follow t1-ab": "merge when it rests",
    "it waits for somebody who may (Ada, Ben): honk merge t1-ab": "it waits for somebody who may (Ada, Ben)",
    "honk merge t1-ab --typed app": "",
    "honk retry t1-ab goes on then; Ada may raise the budget in honk.toml": (
        "Retry goes on then; Ada may raise the budget in honk.toml"
    ),
    "read what was not proven, and merge with --accept-unsure if that is good enough for you": (
        "read what was not proven, and merge if that is good enough for you"
    ),
    "name another --agent or --model": "name another agent or model",
    "check the network, then run `honk retry`": "check the network, then press Retry",
    "free some disk (honk gc), or lower [work] least_free_mb": "free some disk, or lower [work] least_free_mb",
    "set public_url in honk.toml, then `honk doctor`": "set public_url in honk.toml",
    "/honk status shows yours": "/honk status shows yours",
    "take the link again: /honk link": "take the link again: /honk link",
    "ask for the change again": "ask for the change again",
    "Type more of it.": "Type more of it.",
    "": "",
}
_REMEDY = re.compile(r"""remedy=f?"([^"]+)"|remedy = f?"([^"]+)"|, f?"([^"]*honk [a-z][^"]*)"\)""")


@pytest.mark.parametrize("remedy", SAID)
def test_a_remedy_without_a_terminal(remedy: str) -> None:
    assert remedy_of(remedy) == SAID[remedy]
    assert remedy_of(NotNow("no", remedy)) == SAID[remedy]


def test_a_refusal_is_a_sentence_with_what_helps() -> None:
    assert said_of(NotNow("not now", "honk approve t1-ab")) == "Not now. Press Review."
    assert said_of(NotNow("not now", "honk show t1-ab")) == "Not now."


def test_no_remedy_that_the_code_knows_shows_a_command_or_an_option() -> None:
    root = Path(honk.__file__).parent
    found = [
        next(filter(None, one.groups()))
        for folder in ("app", "steps", "views", "service")
        for path in (root / folder).rglob("*.py")
        for one in _REMEDY.finditer(path.read_text())
    ]
    assert len(found) > 25
    for remedy in found:
        shown = remedy_of(remedy.replace("{task.id}", "t1-ab"))
        assert not re.search(r"(?<![/@\w])honk [a-z]|--[a-z]|`", shown), (remedy, shown)
