"""Every command, on the machine of HONK_HOME and from far away: the same words, the same exit codes."""

import re
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from itertools import chain
from pathlib import Path

import anyio
import pytest
from run_world import Done, Honk, world
from serve_world import RELEASED, Server, server

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from command_reference import commands

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: T stands for a task, R for its repository
LOOKING = [
    *("tasks", "tasks --json", "tasks --state proposed", "show T", "show T --json", "show T --text", "show nope"),
    *("follow T", "follow T --json", "follow T --from 3 --json", "log T", "log T --json", "log T --from 4"),
    *("diff T", "diff T --json", "messages T", "messages T --json", "token list", "token list --json"),
    *("policy explain - merge", "policy explain - merge --json", "policy explain slack:U1 deploy R --task T"),
    *("policy explain nobody ask", "policy explain - dance", "budget", "budget --json"),
    *("review T", "review T --json", "branch T --json", "branch nope"),
    *("repositories", "repositories --json", "repositories nope"),
    *("audit --json --task T", "audit --person nobody", "doctor --json", "workers list", "workers list --json"),
]
#: each story on two tasks of its own, line by line: one near, one far
ACTING = [
    [
        *("edit T nope x", "withdraw T nope --json", "retry T --from nowhere", "undo T", "stop T", "stop T --json"),
        *("hand-over T", "hand-over T --agent nobody", "reply T WORDS --image /nowhere.png", "forget T"),
        *("go T", "revert T", "revert T --json"),
        *("approve T --head 1234567", "approve T --comment WORDS", "approve T --json", "merge T --head 1234567"),
        *("token revoke nope", "merge T", "undo T --json", "merge T --json", "reply T WORDS", "forget T --yes --json"),
    ],
    [
        "reply T WORDS --json",
        "interrupt T WORDS --json",
        "retry T --json",
        "retry T --from build --json",
        "forget T --yes",
    ],
    ["update T --json", "update nope"],
    [
        *(
            "promote T",
            "promote T --to nowhere --json",
            "promote nope",
            "deployed T live",
            "deployed nope failed --json",
        ),
        *("workers token --labels a --name w --json", "workers token --labels a --kinds nothing"),
        "workers settle nope --live",
        "ios setup R --scheme Player --team ABCDE12345 --url https://a.example --dry-run",
    ],
    # one environment is thawed once, whoever does it
    ["freeze R", "freeze R WORDS --environment staging --json", "freeze R", "thaw R --environment nowhere --json"],
    ["build token nope", "build token T --json", "build upload /nowhere.apk --task T --commit 1234567"],
    ["hand-over T WORDS --agent command --json", "retry T --from merge --json"],
    ["token create --name x --scope read", "token create --name x --scope read --days 1 --json"],
]
#: files of the server's machine, and the demo, which brings its own Honk
ONLY_THERE = [
    *("serve", "gc", "init", "init x.toml --force", "backup x", "restore x", "policy check", "demo"),
    *("links", "unlink slack:U1", "slack setup", "slack check", "github setup", "github check"),
    *("sign-in", "sign-out"),
]


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def served(home: Honk) -> AsyncIterator[Server]:
    async with server(home) as made:
        yield made


async def a_task(honk: Honk, repository: Path, words: str) -> str:
    done = await honk.change(repository, words)
    assert done.code == 0, done.words
    return str(done.settled["task"])


def typed(line: str, task: str, repository: Path = Path("/nowhere")) -> list[str]:
    """What a person types."""
    return [
        {"T": task, "R": str(repository), "WORDS": "echo more >> song.txt"}.get(word, word) for word in line.split()
    ]


def told(done: Done, task: str) -> tuple[int, list[str], list[str]]:
    """Code, output and errors without what differs between two tasks, or two moments."""

    def same(text: str) -> list[str]:
        text = text.replace(task, "TASK")
        text = re.sub(
            r"^(another process on this HONK_HOME|http://\S+) does the work", "IT does the work", text, flags=re.M
        )
        text = re.sub(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(api)?[0-9a-f]{12,64}|honk_\w+|(?<=/preview/)\w+|(?<=/live/)\w+",
            "HEX",
            text,
        )
        text = re.sub(r'"app_version": "[^"]*"', '"app_version": "V"', text)
        text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(\+00:00|Z)?|\d\d:\d\d:\d\d", "TIME", text)
        text = re.sub(r'("(seconds|seconds_verifying|cost_usd|size|number|exit_code)": )[\d.]+|#\d+', r"\1N", text)
        text = re.sub(r"[\d.]+ (s|GB|min)\b|\d+ s,|\b[\d,.]+ bytes", "N", text)
        # progress, waits for a place and known findings depend on the moment, and with them the numbers of the events
        moment = re.compile(r'"(step\.progressed|task\.moved|verifier\.\w+)"')
        lines = [line for line in text.splitlines() if not moment.search(line)]
        return [re.sub(r'"(seq|id|event|freed_bytes)": (\d+|"TASK\.\d+")', r'"\1": N', line) for line in lines]

    return done.code, same(done.out), same(done.err)


async def both(near: Awaitable[Done], far: Awaitable[Done]) -> tuple[Done, Done]:
    """Two commands at once: on a loaded machine each takes seconds to load."""
    results: dict[str, Done] = {}

    async def one(name: str, what: Awaitable[Done]) -> None:
        results[name] = await what

    async with anyio.create_task_group() as group:
        group.start_soon(one, "near", near)
        group.start_soon(one, "far", far)
    return results["near"], results["far"]


@pytest.mark.slow
@pytest.mark.seconds(900)
@pytest.mark.parametrize("lines", [LOOKING[::4], pytest.param(LOOKING, marks=pytest.mark.slow)], ids=["few", "all"])
async def test_looking_is_the_same_both_ways(home: Honk, served: Server, lines: list[str]) -> None:
    music = home.repository(RELEASED)
    task = await a_task(home, music, "echo lala >> song.txt")
    for line in lines:
        near, far = await both(home(*typed(line, task, music)), served.far(*typed(line, task, music)))
        assert told(near, task) == told(far, task), line
    raw = await home("diff", task)
    assert raw.out == (await served.far("diff", task)).out and "+lala" in raw.out


@pytest.mark.seconds(900)
@pytest.mark.parametrize(
    "stories", [[["merge T --json"]], pytest.param(ACTING, marks=pytest.mark.slow)], ids=["few", "all"]
)
async def test_acting_is_the_same_both_ways(home: Honk, served: Server, stories: list[list[str]]) -> None:
    music = home.repository(RELEASED)
    for number, story in enumerate(stories):
        near, far = [await a_task(one, music, f"echo {number} >> song.txt") for one in (home, served.far)]
        for line in story:
            here, there = await both(home(*typed(line, near)), served.far(*typed(line, far)))
            assert told(here, near) == told(there, far), line


async def test_what_needs_the_machine_says_so(home: Honk) -> None:
    """Without a look at the server, and without a token."""
    there = Honk(root=home.root, environment={**home.environment, "HONK_URL": "http://127.0.0.1:9"})
    before = sorted(home.root.rglob("*"))
    for line in ONLY_THERE:
        done = await there(*typed(line, "x"))
        assert done.code == 2 and "only on the machine of the server" in done.err, line
    assert sorted(home.root.rglob("*")) == before
    (home.root / "tried.toml").write_text("[limits]\nusd = 3\n")
    done = await there("policy", "check", home.root / "tried.toml")
    assert done.code == 0, done.words


def test_no_command_is_missing_here() -> None:
    # what the package has in it needs neither, and others are told of a server in any case
    known = {"run", "slack manifest", "github manifest", "worker", "build stamp"}
    for line in (*LOOKING, *chain(*ACTING), *ONLY_THERE):
        words = line.split()
        known |= {words[0], " ".join(words[:2])}
    assert [name for name in commands() if name not in known] == []
