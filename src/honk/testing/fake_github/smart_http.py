"""git clone, fetch and push over HTTP: git's own http-backend behind Basic auth.

By https://git-scm.com/docs/git-http-backend and "Authenticating as a GitHub App installation"
(https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app).
"""

import asyncio
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from honk.testing.fake_github import access, api_git, heads
from honk.testing.fake_github.bare import Bare
from honk.testing.fake_github.records import Repo
from honk.testing.fake_github.wire import Refused, Route, Who

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

#: asks this server about a push, before any ref moves
_HOOK = """#!{python} -IS
import os, socket, sys
port = os.environ.get("FAKE_GITHUB_ASKS")
if port:
    with socket.create_connection(("127.0.0.1", int(port))) as line:
        line.sendall((os.environ.get("GIT_OBJECT_DIRECTORY", "") + "\\n" + sys.stdin.read()).encode())
        line.shutdown(socket.SHUT_WR)
        said = line.makefile().read()
    if said:
        sys.exit(said)
"""
_READ = Route("GET", "", lambda call: None, ("contents:read",))  # type: ignore[arg-type,return-value]
_WRITE = Route("POST", "", lambda call: None, ("contents:write",), role="write")  # type: ignore[arg-type,return-value]


def _wants_auth() -> web.Response:
    return web.Response(status=401, text="Repository not found", headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


def find(world: "World", name: str) -> Repo | None:
    """A repository by its present or an earlier name."""
    key = name.lower()
    for one in world.repos.values():
        if one.full_name.lower() == key:
            return one
    return world.repos.get(world.moved.get(key, 0))


def admit(world: "World", header: str, repo: Repo | None, writes: bool) -> Who | web.Response:
    """Who it is, or the refusal."""
    try:
        who = access.identify(world, header)
    except Refused as refused:
        if refused.status == 403:
            return web.Response(status=403, text=f"remote: {refused.message}\n")
        return _wants_auth()
    if who.kind == "anonymous" and (repo is None or repo.private or writes):
        return _wants_auth()
    if repo is None:
        return web.Response(status=404, text="Repository not found.\n")
    try:
        access.check(world, who, repo, _WRITE if writes else _READ)
    except Refused as refused:
        if refused.status == 404:
            return web.Response(status=404, text="Repository not found.\n")
        name = who.account.login if who.account else "you"
        words = f"Permission to {repo.full_name}.git denied to {name}."
        return web.Response(status=403, text=words if "accessible" in refused.message else refused.message)
    return who


async def serve(world: "World", request: web.Request) -> web.StreamResponse:
    """One request of git's smart protocol."""
    name = f"{request.match_info['owner']}/{request.match_info['repo']}"
    rest = request.match_info["rest"]
    writes = rest == "git-receive-pack" or request.query.get("service") == "git-receive-pack"
    repo = find(world, name)
    who = admit(world, request.headers.get("Authorization", ""), repo, writes)
    world.git_requests.append((request.method, request.path, request.query_string))
    if isinstance(who, web.Response) or repo is None:
        return who if isinstance(who, web.Response) else _wants_auth()
    if rest not in ("info/refs", "git-upload-pack", "git-receive-pack"):
        return web.Response(status=403, text="Please upgrade your git client.\nDumb HTTP is not served.")
    return await _backend(world, request, repo, who, rest)


def _environment(request: web.Request, repo: Repo, rest: str, length: int) -> dict[str, str]:
    found = {
        "PATH": os.defpath,
        "HOME": str(repo.bare.folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_PROJECT_ROOT": str(repo.bare.folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{repo.bare.folder.name}/{rest}",
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "git",
    }
    if "Git-Protocol" in request.headers:
        found["GIT_PROTOCOL"] = request.headers["Git-Protocol"]
    return found


def _hook(repo: Repo) -> None:
    hook = repo.bare.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK.replace("{python}", sys.executable))
    hook.chmod(0o755)


def judge(world: "World", repo: Repo, who: Who, question: str) -> str:
    """Why a push is refused; "" where it is taken. The first line is where its objects lie for now."""
    objects, *lines = question.splitlines()
    kept = {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repo.bare.folder / "objects")}
    looking = replace(repo, bare=Bare(repo.bare.folder, kept if objects else {}))
    workflows = who.kind == "personal" or access.holds(access.granted(world, who, repo) or {}, "workflows:write")
    if who.kind == "personal" and who.token and "workflow" not in who.token.scopes:
        workflows = False
    for line in lines:
        old, new, ref = line.split(" ", 2)
        before, after = (None if one == heads.ZERO else one for one in (old, new))
        found = api_git.refusal(looking, ref, before, after, workflows=workflows)
        if found:
            code = "GH013: Repository rule violations found for" if "rule viol" in found else "GH006: Protected branch"
            last = found.rsplit("\n", 1)[-1]
            return last if "workflow" in found else f"error: {code} update failed for {ref}.\nerror: {last}"
    return ""


async def _backend(world: "World", request: web.Request, repo: Repo, who: Who, rest: str) -> web.Response:
    body = await request.read()
    environment = _environment(request, repo, rest, len(body))
    if rest != "git-receive-pack":
        return _http(await _run(environment, body))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = (await reader.read()).decode("utf-8", "surrogateescape")
        writer.write(judge(world, repo, who, question).encode())
        writer.close()

    _hook(repo)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as asked:
        environment["FAKE_GITHUB_ASKS"] = str(asked.sockets[0].getsockname()[1])
        out = await _run(environment, body)
    heads.settle(world, repo, who.account)
    return _http(out)


async def _run(environment: dict[str, str], body: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=environment, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        return (await process.communicate(body))[0]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _http(out: bytes) -> web.Response:
    """What the CGI program said, as an answer."""
    head, _, content = out.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    headers.pop("Content-Length", None)
    return web.Response(status=status, body=content, headers=headers)
