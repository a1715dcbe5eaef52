"""No secret is visible in the sandbox, in events, in the stores or in any output: canaries, and a look everywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from run_world import CANARIES, GIT_PASSWORD, KEY, PIP_PASSWORD, QUICK, TOKEN, Done, Honk, world

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: what code in the sandbox would do to find a secret; the pattern does not match itself
SEARCH = (
    "cp song.txt found.txt; { env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; "
    "find /workspace /home /tmp /run /etc /env /opt /root /srv /var /honk/ca.pem /honk/index -name found.txt -prune "
    "-o -type f -readable -size -9M -print0 | xargs -0 grep -aE 'can[a]ry'; } "
    ">> found.txt 2>/dev/null; echo searched >> found.txt"
)


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


def _leaks(home: Honk) -> list[tuple[Path, str]]:
    """Everything below HONK_HOME that has a canary in it, the stores and their logs included."""
    files = [path for path in home.home.rglob("*") if path.is_file() and "runtime" not in path.parts]
    assert {"honk.db", "journal.db"} <= {path.name for path in files}
    contents = [(path, path.read_bytes()) for path in files]
    return [(path, canary) for path, content in contents for canary in CANARIES if canary.encode() in content]


def _said(*commands: Done) -> str:
    return "".join(done.words for done in commands)


async def test_a_search_from_inside_finds_no_secret(home: Honk) -> None:
    music = home.repository()
    scenario = Scenario("search", [Say("I look.", (Call("Bash", {"command": SEARCH}),)), Say("Done.")], after=Say("."))
    async with ScriptedModel([scenario], key=KEY) as model:
        honk = home.on(model.url)
        done = await honk.run(music, "[[search]]")
        assert (done.code, done.settled["state"]) == (0, "proposed"), done.words
        assert all(asked.headers["x-api-key"] == KEY for asked in model.calls)
    branch = done.settled["pull_request"]["branch"]
    found = home.git(music, "show", f"{branch}:found.txt")
    assert found.endswith("searched") and "HOME=/home/honk" in found
    task = done.settled["task"]
    said = _said(done, await home("show", task, "--json"), await home("log", task, "--json"))
    history = home.git(music, "log", "-p", "--all")
    assert not [canary for canary in CANARIES if canary in found + said + history]
    assert not _leaks(home)


@pytest.mark.slow
async def test_passwords_in_addresses_are_not_kept(home: Honk) -> None:
    typed = await home.change(f"http://ada:{GIT_PASSWORD}@127.0.0.1:9/music.git", "true", "--new")
    assert typed.code in {1, 2} and GIT_PASSWORD not in typed.words
    folder = home.person / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(f"[global]\nindex-url = http://ada:{PIP_PASSWORD}@127.0.0.1:9/simple\n")
    python = home.repository({**QUICK, "requirements.txt": "nothing-of-that-name\n", ".honk.toml": "", "test_x.py": ""})
    refused = await home.without(*(n for n in home.environment if n.startswith(("PIP_", "UV_")))).change(python, "true")
    assert refused.code in {1, 4} and refused.settled["reason"]
    assert PIP_PASSWORD not in refused.words
    assert not _leaks(home)


async def test_a_canary_would_be_found(home: Honk) -> None:
    """The search itself works: what is in the repository is seen."""
    music = home.repository({**QUICK, "planted.txt": f"{TOKEN}\n"})
    done = await home.change(music, SEARCH)
    found = home.git(music, "show", f"{done.settled['pull_request']['branch']}:found.txt")
    assert TOKEN in found and any(canary == TOKEN for _, canary in _leaks(home))
