"""The bounds of a sandbox as a person meets them: memory, disk, and a file system that is really full.

| real | not real |
|---|---|
| honk, the kernel's limits, git, a small file system of memory | the agent is a command |
"""

from collections.abc import Iterator

import pytest
from run_world import QUICK, Honk, world

from honk.adapters.bubblewrap import cgroups

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: three processes that need more than the limit together, and less than it each; without a limit it ends with 9
GREEDY = """python3 -c '
import os, sys, time
for _ in range(3):
    if os.fork() == 0:
        held = b"x" * (150 << 20)
        time.sleep(1)
        os._exit(0)
for _ in range(3):
    os.wait()
sys.exit(9)
'"""


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        made.home.mkdir()
        yield made


@pytest.fixture
def memory() -> None:
    if "memory" not in cgroups.find().folders:
        pytest.skip("no control groups for memory here: only each process has its limit")


def configured(honk: Honk, text: str) -> None:
    (honk.home / "honk.toml").write_text(text)


@pytest.mark.slow
@pytest.mark.usefixtures("memory")
async def test_an_agent_that_wants_too_much_memory_waits_for_a_person_who_is_told_the_limit(honk: Honk) -> None:
    configured(honk, "[sandbox]\nmemory_mb = 300\n")
    music = honk.repository()
    done = await honk.change(music, f"echo more >> song.txt; {GREEDY}", "--timeout", "120")
    settled = done.settled
    assert (settled["state"], settled["outcome"]) == ("waiting", "question"), settled
    assert "the sandbox may have 300 MiB" in settled["reason"] and "memory_mb" in settled["reason"]
    paused = [one for one in done.events if one["event"] == "work.paused"]
    assert [one["data"]["cause"] for one in paused] == ["memory", "memory"]
    assert "more" in (honk.home / "tasks" / settled["task"] / "workspace" / "song.txt").read_text()
    configured(honk, "[sandbox]\nmemory_mb = 2000\n")
    again = await honk("retry", settled["task"], "--json")
    assert "exit code 9" in again.settled["reason"], again.words


@pytest.mark.usefixtures("memory")
async def test_a_verifier_that_wants_too_much_memory_is_unsure_and_names_the_limit(honk: Honk) -> None:
    configured(honk, "[sandbox]\nmemory_mb = 300\n")
    music = honk.repository({**QUICK, "greedy.sh": GREEDY, ".honk.toml": 'verify = ["sh greedy.sh"]\n'})
    done = await honk.change(music, "echo more >> song.txt")
    settled = done.settled
    assert settled["state"] == "draft" and settled["pull_request"], settled
    assert "the sandbox may have 300 MiB" in done.words and "memory_mb" in done.words


async def test_a_workspace_that_grows_too_large_ends_the_attempt_and_its_work_is_kept(honk: Honk) -> None:
    configured(honk, "[sandbox]\ndisk_mb = 64\n")
    music = honk.repository({**QUICK, ".gitignore": "large\n"})
    endless = "while :; do head -c 8000000 /dev/zero >> large; sleep 0.05; done"
    done = await honk.change(music, f"echo more >> song.txt; {endless}", "--timeout", "50")
    settled = done.settled
    assert settled["state"] == "draft" and settled["pull_request"], settled
    assert "more than 64 MiB" in settled["reason"] and "disk_mb" in settled["reason"]
    assert [one["data"]["kind"] for one in done.events if one["event"] == "limit.hit"] == ["disk"]
    assert "more" in honk.git(music, "show", f"{honk.branches(music)[0]}:song.txt")
