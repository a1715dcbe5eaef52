"""A credential of Honk's own and real git: it works, and it is nowhere to be seen."""

import base64
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.git.workspaces import GitWorkspaces
from honk.domain.repository import Repository
from honk.domain.text import Secret
from honk.errors import RepositoryUnusable, Unreachable
from honk.ports import Credential
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

PROGRAM = shutil.which("lighttpd", path="/usr/sbin:/usr/bin:/sbin:/bin")
pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.partner("lighttpd")]
TOKEN = "canary-0815-installation-token"
USER = "x-access-token"
CONFIG = """
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_cgi", "mod_setenv", "mod_redirect")
server.document-root = "{root}/web"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{root}/error.log"
$HTTP["url"] =~ "^/elsewhere/" {{
    url.redirect = ("^/elsewhere/([^?]*)(\\?.*)?" => "http://localhost:{port}/git/$1$2")
    url.redirect-code = 301
}}
$HTTP["url"] =~ "^/old/" {{
    url.redirect = ("^/old/([^?]*)(\\?.*)?" => "/git/$1$2")
    url.redirect-code = 301
}}
$HTTP["url"] =~ "^/git" {{
    alias.url = ("/git" => "{root}/backend")
    cgi.assign = ("" => "")
    setenv.add-environment = ("GIT_PROJECT_ROOT" => "{root}/served", "GIT_HTTP_EXPORT_ALL" => "1")
    auth.backend = "plain"
    auth.backend.plain.userfile = "{root}/users"
    auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
}}
"""
#: At each request, and whenever git reads the credential: what every process shows of itself.
LOOK = """#!{python} -S
import glob, os, sys
kept = []
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    try:
        with open(path, "rb") as file:
            content = file.read()
        if b"git" in content and b"HTTP_AUTHORIZATION" not in content:
            kept.append(path.encode() + b" " + content)
    except OSError:
        pass
with open("{root}/looked", "ab") as file:
    file.write(b"\\n".join(kept) + b"\\n")
os.execv("{program}", ["{program}", *sys.argv[1:]])
"""


@dataclass
class Lender:
    """Implements ports.Credentials."""

    origin: str
    token: str = TOKEN
    #: of each loan, whether it was for writing
    loans: list[bool] = field(default_factory=list)
    back: int = 0

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        self.loans.append(writes)
        return Credential(origin=self.origin, username=USER, password=Secret(self.token))

    async def returned(self, credential: Credential) -> None:
        self.back += 1


class Nobody:
    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        return None

    async def returned(self, credential: Credential) -> None:
        raise AssertionError("nothing was lent")


@dataclass
class Served:
    world: GitWorld
    bare: Path
    origin: str
    lender: Lender

    @property
    def url(self) -> str:
        return f"{self.origin}/git/music.git"

    def seen(self) -> bytes:
        return (self.world.root / "looked").read_bytes()

    def use(self, credentials: Lender | Nobody) -> None:
        """The world's repositories with these credentials."""
        self.world.repositories = GitRepositories(
            self.world.home, self.world.sandboxes, operator=self.world.environment, credentials=credentials
        )
        self.world.workspaces = GitWorkspaces(self.world.repositories)


@pytest.fixture
async def served(short_tmp: Path) -> AsyncIterator[Served]:
    world = GitWorld(short_tmp, PlainSandboxes())
    bare = world.make_bare()
    (short_tmp / "served").mkdir()
    bare = bare.rename(short_tmp / "served" / "music.git")
    world.git(bare, "config", "http.receivepack", "true")
    world.git(bare, "config", "--global", "safe.directory", "*")
    for folder in ("web", "shims"):
        (short_tmp / folder).mkdir()
    (short_tmp / "users").write_text(f"{USER}:{TOKEN}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    core = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    python, cat = shutil.which("python3") or "", shutil.which("cat") or ""
    for name, program in (("backend", f"{core}/git-http-backend"), ("shims/cat", cat)):
        (short_tmp / name).write_text(LOOK.format(python=python, root=short_tmp, program=program))
        (short_tmp / name).chmod(0o755)
    world.environment["PATH"] = f"{short_tmp}/shims:{world.environment['PATH']}"
    config = short_tmp / "lighttpd.conf"
    config.write_text(CONFIG.format(root=short_tmp, port=port))
    served = Served(world, bare, f"http://127.0.0.1:{port}", Lender(f"http://127.0.0.1:{port}"))
    served.use(served.lender)
    async with await anyio.open_process([PROGRAM or "", "-D", "-f", str(config)]) as server:
        with anyio.fail_after(10):
            while True:
                try:
                    async with await anyio.connect_tcp("127.0.0.1", port):
                        break
                except OSError:
                    await anyio.sleep(0.01)
        yield served
        server.terminate()


async def pushed(served: Served) -> None:
    """The whole way: fetch, a change, and its branch at the server."""
    world = served.world
    workspace = await world.opened(served.url)
    Path(workspace.path, "new").write_text("1\n")
    change = await world.take(workspace)
    targets = GitTargets(world.repositories)
    assert await targets.push(workspace.repository, "honk/t1", change.commit, over=None) == ""
    assert world.tip(served.bare, "honk/t1") == change.commit


async def test_fetch_and_push_work_and_every_loan_comes_back(served: Served) -> None:
    await pushed(served)
    assert served.lender.loans[-1] is True and not any(served.lender.loans[:-1])
    assert served.lender.back == len(served.lender.loans)


async def test_no_process_shows_the_token_and_no_file_has_it(served: Served) -> None:
    await pushed(served)
    basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).strip(b"=")[:-1]
    # git, its helper for https, the shell of the credential helper and the reader itself were all seen.
    for program in (b"git\0--git-dir=", b"git-remote-http", b"/proc/self/fd/", b"GIT_CONFIG_COUNT="):
        assert program in served.seen(), program
    assert TOKEN.encode() not in served.seen() and basic not in served.seen()
    for place in (served.world.home, served.world.root / "person", served.bare):
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert TOKEN.encode() not in path.read_bytes(), path


async def test_the_operators_helpers_get_to_know_nothing(served: Served) -> None:
    home = served.world.root / "person"
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = store --file={home}/kept\n")
    served.world.environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"store --file={home}/kept-too",
        "GIT_CONFIG_PARAMETERS": f"'credential.helper'='store --file={home}/kept-as-well'",
    }
    served.use(served.lender)
    await pushed(served)
    assert not list(home.glob("kept*"))


async def test_the_operators_other_settings_still_count(served: Served) -> None:
    served.world.environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{served.origin}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "http://git.example.invalid/",
    }
    served.use(served.lender)
    await served.world.fetched("http://git.example.invalid/git/music.git")


async def test_without_a_loan_the_operators_helper_serves(served: Served) -> None:
    home = served.world.root / "person"
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = store --file={home}/credentials\n")
    (home / "credentials").write_text(served.origin.replace("http://", f"http://{USER}:{TOKEN}@") + "\n")
    served.use(Nobody())
    await pushed(served)


async def test_a_refused_credential_says_where_to_look(served: Served) -> None:
    served.lender.token = "canary-wrong"
    with pytest.raises(RepositoryUnusable, match="no right to read") as caught:
        await served.world.fetched(served.url)
    assert "installation" in caught.value.remedy and "canary" not in str(caught.value)
    assert served.lender.back == len(served.lender.loans)


async def test_an_error_of_the_lender_is_the_answer(served: Served) -> None:
    class Broken(Lender):
        async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
            raise Unreachable("GitHub did not answer")

    served.use(Broken(served.origin))
    with pytest.raises(Unreachable, match="did not answer"):
        await served.world.fetched(served.url)


async def test_a_renamed_repository_is_followed_on_its_own_server(served: Served) -> None:
    await served.world.fetched(f"{served.origin}/old/music.git")


async def test_another_server_is_not_shown_the_credential(served: Served) -> None:
    """`localhost` is another origin than `127.0.0.1`, though the same machine answers."""
    with pytest.raises(RepositoryUnusable, match="no right to read"):
        await served.world.fetched(f"{served.origin}/elsewhere/music.git")
    with pytest.raises(RepositoryUnusable, match="no right to read"):
        await served.world.fetched(served.url.replace("127.0.0.1", "localhost"))


async def test_local_paths_need_no_credential(served: Served) -> None:
    await served.world.fetched(str(served.bare))
    assert served.lender.loans == []


async def test_nothing_stays_open(served: Served) -> None:
    await served.world.fetched(served.url)
    links = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert not [one for one in links if "memfd:credential" in str(one)]
