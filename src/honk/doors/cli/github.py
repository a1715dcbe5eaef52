"""`honk github …`: from nothing to a Honk that opens pull requests on GitHub, and what is wrong where it does not."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import anyio
import typer

from honk.doors.cli.care import tell
from honk.doors.cli.house import Diagnosis
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded
from honk.errors import Usage

#: seconds in which a person makes the app, and in which they install it
_MAKING, _INSTALLING, _LOOK = 1800.0, 600.0, 3.0
_ORG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
Name = Annotated[
    str, typer.Option(metavar="NAME", help="Of the app; GitHub wants one that nobody else has, at most 34 characters.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far GitHub is set up on this machine."""

    enabled: bool
    #: whether Honk is there as an app, and whether with a person's own token
    app: bool
    token: bool
    #: the variables that are not set
    missing: tuple[str, ...]
    public_url: str
    web_url: str
    #: honk.toml
    path: Path
    #: whether it says who may do what
    roles: bool
    #: the name of whoever types, as identities have it
    user: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """An app that GitHub made."""

    slug: str
    #: where its key and secrets are kept
    path: Path
    page: str
    install: str


class Registering(Protocol):
    """An app that is about to be made."""

    #: the page that leads to GitHub, while it is served
    address: str

    async def code(self, seconds: float) -> str:
        """Waits until the browser comes back from GitHub."""

    def pasted(self, text: str) -> str:
        """The code in the address to which GitHub sent the browser. Raises Usage."""


class GithubSetup(Protocol):
    """What works before Honk is on GitHub."""

    def manifest(self, name: str) -> str:
        """The app, as GitHub takes it."""

    def standing(self) -> Standing: ...

    def begun(self, name: str, org: str) -> Registering:
        """Raises NotNow where there is an app already."""

    def served(self, registration: Any, port: int) -> AbstractAsyncContextManager[Registering]:
        """The page that leads to GitHub, on this machine's loopback."""

    def written(self, registration: Any) -> Path:
        """The same page as a file, for a browser on another machine."""

    async def finish(self, code: str) -> Made:
        """Fetches key and secrets, and keeps them. Raises ForgeRefused, Unreachable."""

    async def point(self) -> str:
        """Tells GitHub where to send news, if it is another place by now; that place or ""."""

    async def installed(self) -> tuple[str, ...]:
        """Accounts at which the app is installed."""

    def check(self) -> AsyncIterator[Diagnosis]:
        """Tries everything that Honk needs of GitHub; writes nothing there."""


#: Loads what sets GitHub up, when a command needs it.
Opened = Callable[[], GithubSetup]


def add_github_commands(cli: typer.Typer, opened: Opened) -> None:
    """Adds `github setup`, `github check` and `github manifest`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Honk on GitHub: set it up, and try it.")
    cli.add_typer(group, name="github")
    _add_setup(group, opened)
    _add_check(group, opened)
    _add_manifest(group, opened)


def _add_setup(group: typer.Typer, opened: Opened) -> None:
    @group.command("setup", epilog="Example: honk github setup --org acme --name honk-acme")
    def walk(
        org: Annotated[str, typer.Option(metavar="ORG", help="Make the app in this organisation.")] = "",
        name: Name = "honk",
        paste: Annotated[
            bool, typer.Option("--paste", help="The browser is on another machine: carry a page there, paste back.")
        ] = False,
        port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page on 127.0.0.1; 0 takes a free one.")] = 0,
        as_json: Json = False,
    ) -> None:
        """Make the app on GitHub, keep its key, install it, and try each permission."""
        out = Output(json_lines=as_json)

        async def command() -> int:
            setup = opened()
            if org and not _ORG.fullmatch(org):
                raise Usage(f"{org!r} is no name of an organisation", "such as --org acme")
            standing = setup.standing()
            if not standing.enabled:
                raise Usage("GitHub is switched off", f"remove enabled = false below [github] of {standing.path}")
            if standing.app or standing.token:
                _say(out, "setup", "GitHub is set up already; this tries it.")
                if place := await setup.point():
                    _say(out, "webhook", f"GitHub sends news to {place} from now on")
            else:
                made = await _made(out, setup, setup.begun(name, org), paste=paste, port=port)
                _say(out, "made", f"The app is @{made.slug}. Its key is in {made.path}; nobody else may read it.")
                _say(out, "install", f"Let it into repositories: {made.install or made.page}")
                await _wait(out, setup)
            good = await _check(out, setup)
            _show(out, after(standing))
            return 0 if good else 1

        raise typer.Exit(guarded(command, out))


def _add_check(group: typer.Typer, opened: Opened) -> None:
    @group.command("check", epilog="Example: honk github check --json")
    def check(as_json: Json = False) -> None:
        """Try the key, each permission and the webhook, and say what does not work without what is missing."""
        out = Output(json_lines=as_json)

        async def command() -> int:
            setup = opened()
            standing = setup.standing()
            if not standing.enabled or not (standing.app or standing.token):
                missing = ", ".join(standing.missing) or "switched off"
                raise Usage(f"GitHub is not set up: {missing}", "honk github setup makes the app")
            return 0 if await _check(out, setup) else 1

        raise typer.Exit(guarded(command, out))


def _add_manifest(group: typer.Typer, opened: Opened) -> None:
    @group.command("manifest", epilog="Example: honk github manifest > app.json")
    def manifest(name: Name = "honk") -> None:
        """Print the app's manifest: its permissions, its events, and where GitHub sends news."""
        out = Output()

        async def command() -> int:
            out.raw(opened().manifest(name))
            return 0

        raise typer.Exit(guarded(command, out))


async def _made(out: Output, setup: GithubSetup, begun: Registering, *, paste: bool, port: int) -> Made:
    if paste:
        file = setup.written(begun)
        _say(out, "open", f"Open this file in a browser, on any machine: {file}")
        _say(out, "then", "Create the app. The browser ends at an address that does not answer: paste the whole of it.")
        return await setup.finish(begun.pasted(await anyio.to_thread.run_sync(_typed)))
    async with setup.served(begun, port):
        _say(out, "open", f"Open this in a browser on this machine: {begun.address}")
        _say(out, "else", "Over ssh: ssh -L with that port, or honk github setup --paste")
        # what GitHub answers with is shown while the page still answers
        return await setup.finish(await begun.code(_MAKING))


def _typed() -> str:
    """Blocks; Ctrl-C ends the command all the same."""
    return str(typer.prompt("The address (http://127.0.0.1/made?code=…)"))


async def _wait(out: Output, setup: GithubSetup) -> None:
    """Until somebody installed it, where somebody watches."""
    if not out.terminal:
        return
    with out.waiting("waiting until it is installed somewhere"), anyio.move_on_after(_INSTALLING):
        while not await setup.installed():  # noqa: ASYNC110 - GitHub tells nobody, so it is asked
            await anyio.sleep(_LOOK)


async def _check(out: Output, setup: GithubSetup) -> bool:
    good = True
    async for one in setup.check():
        if out.json:
            out.data(asdict(one))
        else:
            tell(out, one)
        good = good and (one.ok or not one.required)
    return good


def after(standing: Standing) -> tuple[str, ...]:
    """What is left for a person."""
    if standing.roles:
        said = f"{standing.path} says who may do what. Add an identity of GitHub to each who is to ask:"
    else:
        said = f"{standing.path} says nothing of people yet. With the first [[roles]] only what it says is allowed:"
    link = f"{standing.public_url}/github/link" if standing.public_url else "/github/link of Honk's pages"
    return (
        "Start honk serve anew: it reads the key when it starts.",
        said,
        "",
        *snippet(standing).splitlines(),
        "",
        f"Each person links their account at {link}: then pull requests are opened in their name.",
        "Try it: write “@honk correct a typing error in the README” on an issue.",
    )


def snippet(standing: Standing) -> str:
    """The lines of honk.toml that let a user of GitHub ask."""
    local = json.dumps(f"local:{standing.user}", ensure_ascii=False)
    if standing.roles:
        return '[people.me]\nname = "Your Name"\nidentities = ["github:YOUR-LOGIN"]'
    return "\n".join(
        (
            "[people.me]",
            f"name = {json.dumps(standing.user, ensure_ascii=False)}",
            f'identities = [{local}, "github:YOUR-LOGIN"]',
            "",
            "[[roles]]",
            'repositories = ["*"]',
            'people = ["me"]',
            'may = ["ask", "steer", "merge", "deploy", "administer"]',
        )
    )


def _say(out: Output, step: str, text: str) -> None:
    if out.json:
        out.data({"step": step, "text": text})
    else:
        out.line(text, "bold" if step in {"open", "install"} else "")


def _show(out: Output, lines: tuple[str, ...]) -> None:
    if out.json:
        out.data({"step": "after", "do": [one for one in lines if one]})
        return
    out.line("")
    for one in lines:
        out.line(f"   {one}".rstrip())
