"""The commands by their names, with what `honk --help` says of them; each is loaded when it is typed."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # what loading them costs, only a command that needs them pays
    from honk.doors.cli.building import Elsewhere
    from honk.doors.cli.github import Opened
    from honk.doors.cli.house import Caretaker, Open
    from honk.doors.cli.keeping import Keeper
    from honk.doors.cli.labour import Workbench
    from honk.doors.cli.slack import SlackSetup


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What the commands do their work with."""

    open_house: "Open"
    caretaker: "Caretaker"
    keeper: "Keeper"
    slack: "SlackSetup"
    github: "Opened"
    elsewhere: Callable[[], "Elsewhere"]
    workbench: Callable[[], "Workbench"]


@dataclass(frozen=True)
class Part:
    """Commands that are loaded together."""

    add: Callable[[typer.Typer, Behind], None]
    #: names, and the first sentence of what the command says of itself
    commands: Mapping[str, str]


@contextmanager
def loading() -> Iterator[None]:
    """For many imports: nothing of them becomes garbage, and to look for it again and again takes a tenth longer."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _module(name: str) -> Any:
    return import_module(f"honk.doors.cli.{name}")


COMMANDS = (
    Part(
        lambda cli, behind: _module("work").add_work_commands(cli, behind.open_house),
        {
            "run": "Change a repository: from an instruction to a verified pull request.",
            "reply": "Go on with a task: said to the agent at work, or a new turn in the same session and pull "
            "request.",
            "retry": "Go on where a crash or Ctrl-C cut a task off, or do it again.",
            "merge": "Merge exactly the commit that was verified, and deploy it where the repository says how.",
            "undo": "Deploy again what was live before this task.",
            "stop": "Stop the work on a task, whichever process does it.",
        },
    ),
    Part(
        lambda cli, behind: _module("mending").add_mending_commands(cli, behind.open_house),
        {
            "update": "Merge the base branch, which has moved, into a task's branch; the agent settles what conflicts.",
            "revert": "Take a merged change back: a new task and pull request, made by git and verified like any "
            "other.",
        },
    ),
    Part(
        lambda cli, behind: _module("steering").add_steering_commands(cli, behind.open_house),
        {
            "interrupt": "Cut short what the agent does now; it goes on with these words, in the same session and "
            "turn.",
            "go": "Have the plan carried out that waits.",
            "messages": "List the messages that no turn and no agent has had yet, oldest first.",
            "edit": "Give a message that still waits other words.",
            "withdraw": "Take back a message that still waits: nobody works on it.",
            "hand-over": "Let another agent or model go on with a task: same workspace, same pull request.",
        },
    ),
    Part(
        lambda cli, behind: _module("promoting").add_promoting_commands(cli, behind.open_house),
        {
            "promote": "Take what is live and healthy of a task to the next environment: the same commit and artifact.",
            "deployed": "Say how a deployment by webhook ended, of which its target cannot be asked.",
        },
    ),
    Part(
        lambda cli, behind: _module("freezing").add_freezing_commands(cli, behind.open_house),
        {
            "freeze": "Let nothing be deployed to a repository's environments: merges go on, and their deployments "
            "wait.",
            "thaw": "End a freeze; what waited for it is deployed by itself.",
        },
    ),
    Part(
        lambda cli, behind: _module("serving").add_serving_commands(cli, behind.open_house),
        {"serve": "Do the work of other commands and doors here; serve API, pages, builds and live versions."},
    ),
    Part(
        lambda cli, behind: _module("labour").add_worker_command(cli, behind.elsewhere, behind.workbench),
        {"worker": "Compile, sign or deploy on this machine for a server elsewhere, which is asked for jobs."},
    ),
    Part(
        lambda cli, behind: _module("look").add_looking_commands(cli, behind.open_house),
        {
            "tasks": "List tasks, newest first.",
            "repositories": "List the repositories that you may use: of honk.toml and of earlier tasks, most recently "
            "used first.",
            "show": "Show a task: state, verdict, pull request, build, cost, and what can be done next.",
            "follow": "Show what happens on a task until it settles.",
            "log": "Print the events of a task so far.",
            "diff": "Print what a task changed, as a unified diff against its base.",
        },
    ),
    Part(
        lambda cli, behind: _module("reviewing").add_reviewing_commands(cli, behind.open_house),
        {
            "review": "Show what there is to know before a merge: commit, checks, files by risk, approvals, and what "
            "undo does.",
            "approve": "Say that exactly one commit is good.",
            "branch": "Print the commands that fetch a task's branch, to go on with it by hand.",
        },
    ),
    Part(
        lambda cli, behind: _module("people").add_people_commands(cli, behind.open_house, behind.caretaker),
        {
            "audit": "Show who did what, newest first: every act that was asked for, allowed or refused, and by which "
            "rule.",
        },
    ),
    Part(
        lambda cli, behind: _module("linking").add_linking_commands(cli, behind.open_house),
        {
            "links": "List users of chats who have linked themselves with a person: yours, or all for who may "
            "administer Honk.",
            "unlink": "End a link: from now on that user of the chat may ask, and no more.",
        },
    ),
    Part(
        lambda cli, behind: _module("signing_in").add_signing_in_commands(cli, behind.open_house),
        {
            "sign-in": "Make a link that signs one browser in: good once, for ten minutes.",
            "sign-out": "Sign somebody out in every browser, at once.",
        },
    ),
    Part(
        lambda cli, behind: _module("money").add_money_commands(cli, behind.open_house),
        {
            "budget": "Show what was spent today (UTC) and what turns at work have reserved: in all, and for each "
            "person.",
        },
    ),
    Part(
        lambda cli, behind: _module("care").add_care_commands(cli, behind.open_house, behind.caretaker),
        {
            "init": "Write a honk.toml in which every setting is explained and set to its default.",
            "doctor": "Try the sandbox's walls and everything else that can fail later, and say what is enforced.",
            "gc": "Remove workspaces and checkouts that are no longer needed.",
        },
    ),
    Part(
        lambda cli, behind: _module("keeping").add_keeping_commands(cli, behind.keeper),
        {
            "backup": "Write everything that cannot be made again into one file, while the work goes on.",
            "restore": "Make the Honk of a backup again, in an empty HONK_HOME and, where one is set, an empty "
            "database.",
        },
    ),
    Part(
        lambda cli, behind: _module("keeping").add_forgetting(cli, behind.open_house),
        {"forget": "Delete a task's transcript, workspace, builds, logs and pictures for good."},
    ),
)

#: commands of commands, which stand below the others
GROUPS = (
    Part(
        lambda cli, behind: _module("people").add_people_commands(cli, behind.open_house, behind.caretaker),
        {
            "token": "Access tokens, for programs and for HONK_TOKEN.",
            "policy": "Who may do what, as honk.toml says.",
        },
    ),
    Part(
        lambda cli, behind: _module("slack").add_slack_commands(cli, behind.slack),
        {"slack": "Honk in Slack: set it up, and try it."},
    ),
    Part(
        lambda cli, behind: _module("github").add_github_commands(cli, behind.github),
        {"github": "Honk on GitHub: set it up, and try it."},
    ),
    Part(
        lambda cli, behind: _module("building").add_build_commands(cli, behind.open_house, behind.elsewhere),
        {"build": "Builds that somebody else makes, such as a CI with a Mac."},
    ),
    Part(
        lambda cli, behind: _module("workers").add_workers_commands(cli, behind.open_house),
        {"workers": "Workers on machines of their own, such as a Mac: who is there, and what waits for them."},
    ),
    Part(
        lambda cli, behind: _module("ios").add_ios_commands(cli, behind.open_house),
        {"ios": "Apps for iPhones, built on GitHub's Macs."},
    ),
)
