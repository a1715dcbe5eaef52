"""Git over HTTP with a password, served by lighttpd and git's own http-backend."""

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from honk.adapters.embedded.forge import EmbeddedForge
from honk.adapters.git.targets import GitTargets
from honk.domain.pull_request import Comment, Merged, MergeMethod, PullRequest, PullRequestState
from honk.domain.task import TaskId
from honk.errors import RepositoryUnusable
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

PROGRAM = shutil.which("lighttpd", path="/usr/sbin:/usr/bin:/sbin:/bin")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.partner("lighttpd"),
]
TOKEN = "canary-4711-token"
CONFIG = """
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_cgi", "mod_setenv")
server.document-root = "{root}/web"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{root}/error.log"
alias.url = ("/git" => "{backend}")
$HTTP["url"] =~ "^/git" {{
    cgi.assign = ("" => "")
    setenv.add-environment = ("GIT_PROJECT_ROOT" => "{root}/served", "GIT_HTTP_EXPORT_ALL" => "1")
    auth.backend = "plain"
    auth.backend.plain.userfile = "{root}/users"
    auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
}}
"""


@dataclass
class Served:
    world: GitWorld
    bare: Path
    url: str

    def log_in(self, token: str = TOKEN) -> None:
        """The person's own git knows the password."""
        home = self.world.root / "person"
        (home / ".gitconfig").write_text(f"[credential]\n\thelper = store --file={home}/credentials\n")
        (home / "credentials").write_text(self.url.replace("http://", f"http://ada:{token}@") + "\n")


@pytest.fixture
async def served(short_tmp: Path) -> AsyncIterator[Served]:
    world = GitWorld(short_tmp, PlainSandboxes())
    bare = world.make_bare()
    (short_tmp / "served").mkdir()
    bare = bare.rename(short_tmp / "served" / "music.git")
    world.git(bare, "config", "http.receivepack", "true")
    world.git(bare, "config", "--global", "safe.directory", "*")
    (short_tmp / "web").mkdir()
    (short_tmp / "users").write_text(f"ada:{TOKEN}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    backend = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    config = short_tmp / "lighttpd.conf"
    config.write_text(CONFIG.format(root=short_tmp, port=port, backend=f"{backend}/git-http-backend"))
    async with await anyio.open_process([PROGRAM or "", "-D", "-f", str(config)]) as server:
        with anyio.fail_after(10):
            while True:
                try:
                    async with await anyio.connect_tcp("127.0.0.1", port):
                        break
                except OSError:
                    await anyio.sleep(0.01)
        yield Served(world, bare, f"http://127.0.0.1:{port}/git/music.git")
        server.terminate()


@dataclass
class OnePullRequest:
    stored: PullRequest | None = None

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        self.stored = pull_request
        return pull_request

    async def pull_request(self, task: TaskId) -> PullRequest | None:
        return self.stored

    async def save_comment(self, comment: Comment) -> None: ...


async def test_without_a_password_the_error_says_what_to_do(served: Served) -> None:
    with pytest.raises(RepositoryUnusable) as caught:
        await served.world.fetched(served.url)
    assert "no right to read" in caught.value.message and "credential helper" in caught.value.remedy


async def test_a_wrong_password_is_refused_and_not_repeated(served: Served) -> None:
    served.log_in("canary-wrong")
    with pytest.raises(RepositoryUnusable, match="no right to read") as caught:
        await served.world.fetched(served.url)
    assert "canary" not in str(caught.value)


async def test_no_such_repository(served: Served) -> None:
    served.log_in()
    with pytest.raises(RepositoryUnusable, match="no git repository"):
        await served.world.fetched(served.url.replace("music.git", "nothing.git"))


async def test_the_persons_credential_helper_serves_the_whole_way_to_the_merge(served: Served) -> None:
    served.log_in()
    world = served.world
    workspace = await world.opened(served.url)
    Path(workspace.path, "new").write_text("1\n")
    change = await world.take(workspace)
    store = OnePullRequest()
    forge = EmbeddedForge(GitTargets(world.repositories), store, lambda: NOON)
    assert not (await forge.publish(workspace.repository, "honk/t1", change.commit, over=None)).refused
    assert world.tip(served.bare, "honk/t1") == change.commit
    await forge.open(
        workspace.repository,
        PullRequest(
            task=TaskId("t1"),
            number=1,
            branch="honk/t1",
            base="main",
            head=change.commit,
            title="",
            body="",
            state=PullRequestState.OPEN,
        ),
    )
    assert store.stored is not None
    merged = await forge.merge(
        workspace.repository, store.stored, head=change.commit, method=MergeMethod.MERGE, message="Merge"
    )
    assert isinstance(merged, Merged) and world.tip(served.bare, "main") == merged.commit
    for path in world.home.rglob("*"):
        assert path.is_symlink() or not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


async def test_a_right_that_was_withdrawn_gives_a_reason(served: Served) -> None:
    served.log_in()
    world = served.world
    workspace = await world.opened(served.url)
    Path(workspace.path, "new").write_text("1\n")
    change = await world.take(workspace)
    forge = EmbeddedForge(GitTargets(world.repositories), OnePullRequest(), lambda: NOON)
    world.git(served.bare, "config", "http.receivepack", "false")
    assert (
        "no right to write" in (await forge.publish(workspace.repository, "honk/t1", change.commit, over=None)).refused
    )
    (world.root / "users").write_text("ada:another\n")
    reason = (await forge.publish(workspace.repository, "honk/t1", change.commit, over=None)).refused
    assert "no right" in reason and TOKEN not in reason
    assert world.tip(world.mirror(workspace.repository), "honk/t1") == change.commit


async def test_a_password_that_git_itself_adds_to_the_url_is_not_shown(served: Served) -> None:
    rewritten = served.url.replace("http://", "http://ada:canary-wrong@")
    (served.world.root / "person" / ".gitconfig").write_text(f'[url "{rewritten}"]\n\tinsteadOf = {served.url}\n')
    with pytest.raises(RepositoryUnusable) as caught:
        await served.world.fetched(served.url)
    assert "canary" not in str(caught.value) and "no right" in caught.value.message
