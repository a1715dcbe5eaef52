"""What cannot be worked on: each says what is wrong, where, and what to do, and leaves the target alone."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from run_world import GIT_PASSWORD, QUICK, Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@asynccontextmanager
async def refusing_server() -> AsyncIterator[str]:
    """An HTTP server that wants another password from everybody."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _unborn(home: Honk) -> Path:
    folder = home.repository()
    home.git(folder, "checkout", "-q", "--orphan", "new")
    return folder


def _detached(home: Honk) -> Path:
    folder = home.repository()
    home.git(folder, "checkout", "-q", "--detach")
    return folder


def _config(text: str | bytes) -> Callable[[Honk], Path]:
    return lambda home: home.repository({**QUICK, ".honk.toml": text})


#: what makes the repository, and what must be said of it
UNUSABLE: dict[str, tuple[Callable[[Honk], Path], str, str]] = {
    "no folder": (lambda home: home.root / "nope", "no folder", "check the path"),
    "no repository": (lambda home: home.person, "no git repository", "check the path"),
    "a file": (lambda home: home.person / ".npmrc", "is a file", "folder of a repository"),
    "empty": (lambda home: home.repository({}), "is empty", "commit something"),
    "unborn": (_unborn, "no commit yet", "--base"),
    "detached": (_detached, "no branch checked out", "--base"),
    "syntax": (_config('verify = ["a"\nsetup = 1\n'), ".honk.toml: not valid TOML", "line 2"),
    "key": (_config('verify = ["a"]\n\nbiuld = 1\n'), ".honk.toml, line 3: biuld", "spelling"),
    "bytes": (_config(b'verify = ["a"]\n\xff = 1\n'), ".honk.toml", "line 2"),
}
_ALWAYS = {"no folder", "key"}


@pytest.mark.parametrize("name", [n if n in _ALWAYS else pytest.param(n, marks=slow) for n in UNUSABLE])
async def test_an_unusable_repository(home: Honk, name: str) -> None:
    make, wrong, remedy = UNUSABLE[name]
    done = await home.change(make(home), "echo la > new")
    settled = done.settled
    assert (done.code, settled["state"], settled["outcome"]) == (1, "failed", "error")
    assert wrong in settled["reason"] and remedy in settled["reason"]
    home.nothing_left()


async def test_a_server_that_wants_another_password(home: Honk) -> None:
    async with refusing_server() as host:
        with (home.person / ".git-credentials").open("a") as file:
            file.write(f"http://ada:{GIT_PASSWORD}@{host}\n")
        done = await home.change(f"http://{host}/music.git", "true")
        assert done.code == 1 and host in done.settled["reason"]
        assert "password" in done.settled["reason"] or "credential" in done.settled["reason"]
        assert GIT_PASSWORD not in done.words
        typed = await home.change(f"http://ada:{GIT_PASSWORD}@{host}/music.git", "true")
        assert typed.code in {1, 2} and GIT_PASSWORD not in typed.words


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(("ftp://example.org/x.git", "true", "--agent", "command"), "ftp:// is not allowed", marks=slow),
        pytest.param((".", "  ", "--agent", "command"), "instruction is empty", marks=slow),
        pytest.param((".", "x", "--agent", "gpt"), "known: claude, command", marks=slow),
        pytest.param((".", "x", "--image", "none.png"), "none.png", marks=slow),
        ((".", "x", "--image", "fake.png"), "fake.png"),
        pytest.param((".", "x", "--timeout", "0"), "--timeout", marks=slow),
        pytest.param((".",), "INSTRUCTION", marks=slow),
    ],
)
async def test_wrong_usage_begins_nothing(home: Honk, argv: tuple[str, ...], said: str) -> None:
    (home.root / "fake.png").write_text("I am no picture")
    before = (await home("tasks", "--json")).out
    done = await home("run", *argv)
    assert done.code == 2 and said in done.err
    assert (await home("tasks", "--json")).out == before


@slow
async def test_without_a_key_claude_code_begins_nothing(home: Honk) -> None:
    done = await home.without("ANTHROPIC_API_KEY")("run", home.repository(), "x")
    assert done.code == 2 and "ANTHROPIC_API_KEY" in done.err


async def test_instructions_of_100_kb_work_and_of_2_mb_are_refused(home: Honk) -> None:
    music = home.repository()
    long = "echo la >> song.txt\n#" + "x" * 100_000
    done = await home("run", music, "-", "--agent", "command", "--json", stdin=long)
    assert done.code == 0 and done.events[0]["data"]["instruction"] == long
    done = await home("run", music, "-", "--agent", "command", "--json", stdin="x" * 2_000_000)
    assert done.code == 2 and "1,000,000 characters" in done.out and len(done.out) < 1000


async def test_a_target_that_may_not_be_written_keeps_the_work_here(home: Honk) -> None:
    music = home.repository()
    hook = music / ".git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho frozen until Monday >&2\nexit 1\n")
    hook.chmod(0o755)
    done = await home.change(music, "echo lala >> song.txt")
    assert done.code == 0 and home.branches(music) == []
    assert any("kept by Honk" in note and "frozen until Monday" in note for note in done.settled["notes"])
    patch = await home("diff", done.settled["task"])
    home.git(music, "apply", "--check", stdin=patch.out.encode())


async def test_odd_files_go_through_whole(home: Honk) -> None:
    music = home.repository(
        {
            **QUICK,
            b"with\nnewline.txt": "a\n",
            b"bad\xff\xfe.txt": b"caf\xe9\n",
            "-dash.txt": "d\n",
            "tone.bin": bytes(range(256)) * 10,
            ".gitattributes": "*.mp3 filter=lfs diff=lfs merge=lfs -text\n",
            "a.mp3": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 12345\n",
        }
    )
    home.git(music, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(home.repository()), "lib")
    home.git(music, "commit", "-q", "-m", "a submodule")
    change = "for f in ./*.txt; do printf 'mor\\351\\n' >> \"$f\"; done; printf '\\0' >> tone.bin; echo > 'new\nline'"
    done = await home.change(music, change)
    assert done.code == 0
    task, tree = done.settled["task"], done.settled["verdict"]["tree"]
    with (home.root / "patch").open("wb") as file:
        subprocess.run([*home.command, "diff", task], stdout=file, env=home.environment, check=True, cwd=home.root)
    home.git(music, "apply", "--index", str(home.root / "patch"))
    assert home.git(music, "write-tree") == tree
    assert home.git(music, "show", f"{tree}:a.mp3").startswith("version https://git-lfs")


async def test_a_dirty_work_tree_is_said_and_left_alone_and_its_base_is_merged_by_hand(home: Honk) -> None:
    music = home.repository()
    (music / "untracked").write_text("mine")
    done = await home.change(music, "echo lala >> song.txt", "--merge")
    assert any("1 file with uncommitted changes" in note for note in done.settled["notes"])
    settled = done.settled
    assert (settled["state"], home.git(music, "status", "--short")) == ("proposed", "?? untracked")
    said, command = settled["reason"].splitlines()
    assert "checked out" in said and command.startswith("git -C")
    subprocess.run(command, shell=True, env=home.environment, check=True, capture_output=True)
    merged = await home("merge", settled["task"], "--json")
    assert (merged.code, merged.settled["state"]) == (0, "merged")


@slow
async def test_a_bare_target_is_merged(home: Honk) -> None:
    bare = home.root / "bare.git"
    home.git(home.root, "clone", "-q", "--bare", str(home.repository()), str(bare))
    done = await home.change(bare, "echo lala >> song.txt", "--merge")
    assert (done.code, done.settled["state"]) == (0, "merged")
    assert home.git(bare, "show", "main:song.txt").split() == ["la", "lala"]
    again = await home("undo", done.settled["task"])
    assert again.code == 2 and "not deployed" in again.err


@pytest.mark.parametrize(
    ("command", "options", "code", "state"),
    [
        ("echo x > new; exit 3", (), 1, "draft"),
        pytest.param("exit 3", (), 1, "failed", marks=slow),
        pytest.param("true", (), 1, "failed", marks=slow),
        pytest.param("echo x > new; sleep 60", ("--timeout", "1"), 3, "draft", marks=slow),
        pytest.param("echo x > new", ("--verify", "test ! -e new"), 3, "draft", marks=slow),
        pytest.param("echo x > new", ("--verify", "false"), 4, "waiting", marks=slow),
    ],
)
async def test_exits(home: Honk, command: str, options: tuple[str, ...], code: int, state: str) -> None:
    done = await home.change(home.repository(), command, *options)
    assert (done.code, done.settled["state"]) == (code, state)
    assert done.settled["reason"]
    if state == "draft":
        assert "+x" in (await home("diff", done.settled["task"])).out
    home.nothing_left()
