"""`honk ios setup`: a pull request with a workflow that builds the app on GitHub's Mac, for TestFlight and Honk."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Annotated

import typer

from honk.domain.task import BUSY, Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, seen_from
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage
from honk.service import NewTask
from honk.views import EXITS

PATH = ".github/workflows/honk-ios.yml"
TITLE = "Build the app for iPhones, for TestFlight and Honk"
_END = "END_OF_THE_WORKFLOW"
_SCHEME = re.compile(r"[A-Za-z0-9][\w .()&+-]{0,99}")
_TEAM = re.compile(r"[A-Z0-9]{10}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SPEC = re.compile(r"[A-Za-z0-9][\w.@:/+=\[\]-]{0,299}")
_URL = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_WITHIN = re.compile(r"[A-Za-z0-9_][\w ./+-]{0,199}\.(xcworkspace|xcodeproj)")
#: what stands in words of the workflow for what was typed
_PLACE = re.compile(r"@@([A-Z_]+)@@")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the workflow is made of."""

    scheme: str
    team: str
    url: str
    #: path of the .xcworkspace or .xcodeproj; "" where the repository's root has only one
    within: str = ""
    ad_hoc: bool = False
    environment: str = "honk-ios"
    runner: str = "macos-15"
    #: how pipx installs Honk
    spec: str = "honk"

    def workflow(self) -> str:
        """The file. Raises Usage for what cannot stand in it."""
        for name, value, form, such in self._checked():
            if form.fullmatch(value) is None or ".." in value:
                raise Usage(f"{value[:80]!r} is no {name}", f"such as {such}")
        words = {
            "SCHEME": json.dumps(self.scheme, ensure_ascii=False),
            "TEAM": json.dumps(self.team),
            "WITHIN": json.dumps(self.within),
            "URL": json.dumps(self.url),
            "AD_HOC": "yes" if self.ad_hoc else "no",
            "ENVIRONMENT": json.dumps(self.environment),
            "RUNNER": json.dumps(self.runner),
            "SPEC": f"'{self.spec}'",
        }
        template = resources.files("honk.doors.cli").joinpath("ios_workflow.yml").read_text(encoding="utf-8")
        return _PLACE.sub(lambda found: words[found[1]], template)

    def _checked(self) -> Iterator[tuple[str, str, re.Pattern[str], str]]:
        yield "scheme", self.scheme, _SCHEME, "--scheme Player"
        yield "team of Apple's", self.team, _TEAM, "--team ABCDE12345 (developer.apple.com › Membership)"
        yield "address that GitHub reaches", self.url, _URL, "--url https://honk.example.com"
        yield "name of an environment", self.environment, _WORD, "--environment honk-ios"
        yield "name of a runner", self.runner, _WORD, "--runner macos-15"
        yield "package that pipx installs", self.spec, _SPEC, "--honk honk==1.2.0"
        if self.within:
            yield "workspace or project of Xcode", self.within, _WITHIN, "--project ios/Player.xcworkspace"


def script_of(workflow: str) -> str:
    """The command that writes the file, as the pull request shows it."""
    return f"# {TITLE}\nset -eu\nmkdir -p .github/workflows\ncat > {PATH} <<'{_END}'\n{workflow}{_END}\n"


Scheme = Annotated[str, typer.Option(help="The app's scheme in Xcode, which must be shared.")]
Team = Annotated[str, typer.Option(help="The team at Apple: ten letters and digits.")]
Url = Annotated[str, typer.Option(help="Where GitHub reaches this Honk: https://…")]
Project = Annotated[
    str, typer.Option(metavar="PATH", help="Of the .xcworkspace or .xcodeproj, if it is not alone in the root.")
]
AdHoc = Annotated[
    bool, typer.Option("--ad-hoc", help="Besides TestFlight, sign it for the devices of an ad hoc profile.")
]
Environment = Annotated[str, typer.Option(help="Of GitHub, which holds the secrets.")]
Runner = Annotated[str, typer.Option(help="GitHub's machine with Xcode.")]
Package = Annotated[str, typer.Option(help="What pipx installs there for `honk build upload`.")]
BaseBranch = Annotated[str | None, typer.Option(help="Branch to propose it to.", metavar="BRANCH")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the workflow, and do nothing.")]
Again = Annotated[bool, typer.Option("--again", help="Propose it anew, though it was proposed before.")]
_EXAMPLE = "honk ios setup . --scheme Player --team ABCDE12345 --url https://honk.example.com --dry-run"


def add_ios_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds `ios setup`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Apps for iPhones, built on GitHub's Macs.")
    cli.add_typer(group, name="ios")

    @group.callback()
    def ios() -> None:
        """Apps for iPhones, built on GitHub's Macs."""

    @group.command("setup", epilog=f"Example: {_EXAMPLE}")
    def setup(  # noqa: PLR0913 - one parameter an option
        repository: Annotated[str, typer.Argument(help="A local path or a git URL.", metavar="REPO")],
        scheme: Scheme,
        team: Team,
        url: Url,
        project: Project = "",
        ad_hoc: AdHoc = False,
        environment: Environment = "honk-ios",
        runner: Runner = "macos-15",
        honk: Package = "honk",
        base: BaseBranch = None,
        dry_run: DryRun = False,
        again: Again = False,
        json: Json = False,
    ) -> None:
        """Propose a workflow that builds the app on a Mac, gives it to TestFlight and uploads it to Honk.

        Asked again with the same words, it leads to the same pull request.
        """
        wanted = Wanted(
            scheme=scheme,
            team=team,
            url=url.rstrip("/"),
            within=project,
            ad_hoc=ad_hoc,
            environment=environment,
            runner=runner,
            spec=honk,
        )
        request = _Request(wanted=wanted, repository=repository, base=base, dry_run=dry_run, again=again)
        out = Output(json_lines=json)
        run(open_house, out, lambda house: request.carry_out(house, out))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    """What was typed after `honk ios setup`."""

    wanted: Wanted
    repository: str
    base: str | None
    dry_run: bool
    again: bool

    async def carry_out(self, house: House, out: Output) -> int:
        """The exit code."""
        workflow = self.wanted.workflow()
        if self.dry_run:
            out.raw(workflow)
            return 0
        task = NewTask(
            repository=await seen_from(house, self.repository),
            instruction=script_of(workflow),
            title=TITLE,
            base=self.base,
            agent="command",
            build=False,
        )
        code = await _proposed(house, out, task, again=self.again)
        if out.json:
            out.data({"step": "after", "do": [one.strip() for one in after(self.wanted) if one]})
        for line in after(self.wanted) if not out.json else ():
            out.line(line)
        return code


async def _proposed(house: House, out: Output, wanted: NewTask, *, again: bool) -> int:
    """By the task of before, unless it is wanted anew: its id is made of what is asked for."""
    words = f"{wanted.repository}\0{wanted.base or ''}\0{wanted.instruction}\0{uuid.uuid4().hex if again else ''}"
    id = f"ios-{hashlib.sha256(words.encode()).hexdigest()[:32]}"
    task = (await house.service.submit(wanted, id=id)).task
    if task.state not in BUSY:
        out.line(f"It was proposed before, by task {task.id} (--again proposes it anew).")
        out.settled(await house.service.card(task.id))
        return 0

    async def begin() -> Task:
        await house.service.resume(task.id)
        return task

    return EXITS[Outcome((await carry_through(house, out, begin)).outcome)]


def after(wanted: Wanted) -> tuple[str, ...]:
    """What is left for a person to do."""
    return (
        "",
        f"Before you merge it, make the environment {wanted.environment} at GitHub (Settings › Environments):",
        "  let in the default branch alone (Deployment branches), and give it these secrets:",
        "  HONK_TOKEN                    honk token create --name ios --scope steer",
        "  APP_STORE_CONNECT_KEY         the text of the .p8 file (Users and Access › Integrations, role App Manager)",
        "  APP_STORE_CONNECT_KEY_ID      its key id",
        "  APP_STORE_CONNECT_ISSUER_ID   the issuer id above the list of keys",
        "Then tell Honk of TestFlight: [channels.testflight] in honk.toml (docs/howto/ios.md).",
    )
