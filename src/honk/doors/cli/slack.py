"""`honk slack …`: from nothing to a Honk that answers in Slack, and what is wrong where it does not."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Protocol

import typer

from honk.doors.cli.care import tell
from honk.doors.cli.house import Diagnosis
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded
from honk.errors import SettingsWrong, Usage

User = Annotated[
    str,
    typer.Option(
        metavar="U…",
        help="Your member ID in Slack: who gets the one message that is tried, and deleted again.",
    ),
]
_APPS = "https://api.slack.com/apps"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far Slack is set up on this machine."""

    #: "socket" or "http"
    mode: str
    #: the variables that the mode needs and that are not set
    missing: tuple[str, ...]
    public_url: str
    #: honk.toml
    path: Path
    #: whether it says who may do what
    roles: bool
    #: the name of whoever types, as identities have it
    user: str


class SlackSetup(Protocol):
    """What works before Honk is in Slack. `given` are tokens that are tried and not kept, by their variables."""

    def manifest(self, address: str) -> str:
        """The app, as Slack takes it from a paste; for requests to that address, where there is one."""

    def standing(self, given: Mapping[str, str]) -> Standing:
        """Raises SettingsWrong for a token in the wrong place, and Usage where a server does the work."""

    def check(self, user: str, given: Mapping[str, str]) -> AsyncIterator[Diagnosis]:
        """Tries everything that Honk needs of Slack; posts to nobody but that user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Something that a person does."""

    title: str
    lines: tuple[str, ...]


def add_slack_commands(cli: typer.Typer, setup: SlackSetup) -> None:
    """Adds `slack setup`, `slack check` and `slack manifest`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Honk in Slack: set it up, and try it.")
    cli.add_typer(group, name="slack")
    _add_setup(group, setup)
    _add_check(group, setup)
    _add_manifest(group, setup)


def _add_setup(group: typer.Typer, setup: SlackSetup) -> None:
    @group.command("setup", epilog="Example: honk slack setup --user U0123ABCD")
    def walk(user: User = "", as_json: Json = False) -> None:
        """Walk through the whole of it: the app, its tokens, who may ask, and each scope by trying it."""
        out = Output(json_lines=as_json)

        async def command() -> int:
            standing = setup.standing({})
            _show(out, before(standing), first=1)
            given = _tokens(out, setup, standing) if out.terminal else {}
            them = user or (typer.prompt("Your member ID (empty: nothing is posted)", default="") if given else "")
            good = await _check(out, setup, them.strip(), given)
            _show(out, after(standing, them.strip()), first=len(before(standing)) + 1)
            return 0 if good else 1

        raise typer.Exit(guarded(command, out))


def _add_check(group: typer.Typer, setup: SlackSetup) -> None:
    @group.command("check", epilog="Example: honk slack check --user U0123ABCD")
    def check(user: User = "", as_json: Json = False) -> None:
        """Try the tokens and each scope, and say what does not work without the ones that are missing."""
        out = Output(json_lines=as_json)

        async def command() -> int:
            if missing := setup.standing({}).missing:
                raise Usage(f"not set: {', '.join(missing)}", "honk slack setup says where they come from")
            return 0 if await _check(out, setup, user.strip(), {}) else 1

        raise typer.Exit(guarded(command, out))


def _add_manifest(group: typer.Typer, setup: SlackSetup) -> None:
    @group.command("manifest", epilog="Example: honk slack manifest | pbcopy")
    def manifest(
        http: Annotated[
            str, typer.Option(metavar="URL", help="For mode http: the public_url that Slack sends requests to.")
        ] = "",
    ) -> None:
        """Print the app's manifest, to be pasted at api.slack.com/apps → Create New App → From a manifest."""
        if http and not http.startswith("https://"):
            typer.echo("error: --http wants an address that begins with https://: Slack sends to no other", err=True)
            raise typer.Exit(2)
        typer.echo(setup.manifest(http), nl=False)


def before(standing: Standing) -> tuple[Step, ...]:
    """What is done before anything can be tried."""
    http = standing.mode == "http"
    address = f" --http {standing.public_url or 'https://YOUR.ADDRESS'}" if http else ""
    second = (
        ("Basic Information → App Credentials → Signing Secret: that is SLACK_SIGNING_SECRET.",)
        if http
        else (
            "Basic Information → App-Level Tokens → Generate, with the scope connections:write.",
            "What begins with xapp- is SLACK_APP_TOKEN.",
        )
    )
    return (
        Step(
            title="Make the app",
            lines=(
                f"Open {_APPS} → Create New App → From a manifest, and choose the workspace.",
                f"Choose YAML and paste what this prints: honk slack manifest{address}",
            ),
        ),
        Step(
            title="Install it",
            lines=(
                "Install App → Install to Workspace → Allow.",
                "OAuth & Permissions → Bot User OAuth Token, which begins with xoxb-: that is SLACK_BOT_TOKEN.",
            ),
        ),
        Step(title="Let requests in" if http else "Let it connect", lines=second),
        Step(
            title="Keep the tokens",
            lines=(
                "In the environment of honk serve, never in honk.toml:",
                "  systemd: one file each in /etc/honk/credentials (see deploy/systemd/honk.service)",
                "  compose: one file each in secrets/ (see deploy/container/compose.yaml)",
                "  otherwise: the variables themselves, or NAME_FILE with the path of a file",
                "Then start the server anew.",
            ),
        ),
    )


def after(standing: Standing, user: str) -> tuple[Step, ...]:
    """What is left when the scopes are there."""
    said: tuple[str, ...]
    if standing.roles:
        said = (f"{standing.path} says who may do what. Add an identity of Slack to each who is to ask:",)
    else:
        said = (
            f"{standing.path} says nothing of people yet. With the first [[roles]] the users of this machine",
            "may do only what it says, so you stand in it under both names:",
        )
    return (
        Step(title="Say who may ask", lines=(*said, "", *snippet(standing, user).splitlines())),
        Step(
            title="Link yourself, to be allowed to merge",
            lines=(
                "Whom honk.toml names with an identity of Slack is linked. Everybody else: /honk link in Slack.",
                "An unlinked person can ask, but not merge.",
            ),
        ),
        Step(
            title="Try it",
            lines=("In a channel: /invite @honk, then: @honk in REPOSITORY, correct a typing error in the README",),
        ),
    )


def snippet(standing: Standing, user: str) -> str:
    """The lines of honk.toml that let this user ask."""
    slack, local = f"slack:{user or 'U0123ABCD'}", f"local:{standing.user}"
    if standing.roles:
        return f'[people.me]\nname = "Your Name"\nidentities = [{json.dumps(slack)}]'
    return "\n".join(
        (
            "[people.me]",
            f"name = {json.dumps(standing.user, ensure_ascii=False)}",
            f"identities = [{json.dumps(local, ensure_ascii=False)}, {json.dumps(slack)}]",
            "",
            "[[roles]]",
            'repositories = ["*"]',
            'people = ["me"]',
            'may = ["ask", "steer", "merge", "deploy", "administer"]',
        )
    )


def _tokens(out: Output, setup: SlackSetup, standing: Standing) -> dict[str, str]:
    """Asks for what is not set, to try it; nothing of it is kept."""
    given: dict[str, str] = {}
    for name in standing.missing:
        while True:
            value = typer.prompt(f"{name}, to try it now; it is not kept (empty: later)", default="", hide_input=True)
            if not value.strip():
                return given
            try:
                setup.standing({**given, name: value.strip()})
            except SettingsWrong as error:
                out.line(error.message, "red")
                continue
            given[name] = value.strip()
            break
    return given


async def _check(out: Output, setup: SlackSetup, user: str, given: Mapping[str, str]) -> bool:
    good = True
    missing = setup.standing(given).missing
    if missing:
        one = Diagnosis(name="Slack: tokens", ok=False, detail=f"not set: {', '.join(missing)}", remedy="steps 2 to 4")
        _tell(out, one)
        return False
    async for one in setup.check(user, given):
        _tell(out, one)
        good = good and (one.ok or not one.required)
    return good


def _tell(out: Output, one: Diagnosis) -> None:
    if out.json:
        out.data(asdict(one))
    else:
        tell(out, one)


def _show(out: Output, steps: tuple[Step, ...], *, first: int) -> None:
    for number, step in enumerate(steps, start=first):
        if out.json:
            out.data({"step": number, "title": step.title, "do": [one for one in step.lines if one]})
            continue
        out.line(f"{number}. {step.title}", "bold")
        for one in step.lines:
            out.line(f"   {one}".rstrip())
    out.line("")
