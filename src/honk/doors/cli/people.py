"""Commands about people and what they may do: token, policy, audit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from honk.domain.access import Scope
from honk.domain.codec import jsonable
from honk.domain.policy import Act
from honk.doors.cli.house import Caretaker, House, Open
from honk.doors.cli.options import Json, seen_from
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded, run
from honk.errors import Usage
from honk.service import GREATEST
from honk.service.governing import AuditLine, AuditQuery, Question, TokenShown, TokenWanted


def add_people_commands(cli: typer.Typer, open_house: Open, caretaker: Caretaker) -> None:
    """Adds the commands of this module to the command line."""
    token = typer.Typer(no_args_is_help=True, help="Access tokens, for programs and for HONK_TOKEN.")
    cli.add_typer(token, name="token")
    _add_create(token, open_house)
    _add_list(token, open_house)
    _add_revoke(token, open_house)
    policy = typer.Typer(no_args_is_help=True, help="Who may do what, as honk.toml says.")
    cli.add_typer(policy, name="policy")
    _add_explain(policy, open_house)
    _add_check(policy, caretaker)
    _add_audit(cli, open_house)


def _add_create(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk token create --name laptop --scope read --scope ask --days 90")
    def create(
        name: Annotated[str, typer.Option(help="What uses it, such as laptop.")],
        scope: Annotated[list[Scope], typer.Option(help="What it may be used for. May be repeated.")],
        person: Annotated[
            str,
            typer.Option(help="Whose it is: a key of [people], or an identity such as slack:U123. Default: you."),
        ] = "",
        days: Annotated[float | None, typer.Option(help="It expires after so many days. Default: never.")] = None,
        json: Json = False,
    ) -> None:
        """Make an access token. It is printed once, and kept nowhere."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            wanted = TokenWanted(name=name, scopes=tuple(scope), person=person, days=days)
            made = await house.service.create_token(wanted)
            if json:
                out.data(jsonable(made))
            else:
                out.line(made.secret)
                out.progress(f"token {made.token.id} of {made.token.person}; it will not be shown again")
            return 0

        run(open_house, out, command)


def _add_list(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("list", epilog="Example: honk token list --json")
    def list_(json: Json = False) -> None:
        """List access tokens: yours, or all for who may administer Honk."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.tokens()
            if json:
                for one in found:
                    out.data(jsonable(one))
            else:
                out.table(("id", "name", "person", "scopes", "made", "expires"), [_row(one) for one in found])
            return 0

        run(open_house, out, command)


def _row(token: TokenShown) -> tuple[str, ...]:
    ends = f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else "never"
    if token.revoked_at:
        ends = f"revoked {token.revoked_at:%Y-%m-%d}"
    jobs = f"{','.join(token.kinds)} with {','.join(token.labels)}"
    what = ",".join(token.scopes) or (jobs if token.kinds else f"builds of {token.task}")
    return (token.id, token.name, token.person, what, f"{token.created_at:%Y-%m-%d}", ends)


def _add_revoke(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk token revoke 3f2a9c1b7d40")
    def revoke(
        id: Annotated[str, typer.Argument(help="As `honk token list` shows it.")],
        json: Json = False,
    ) -> None:
        """Revoke an access token: from now on it opens nothing."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            revoked = await house.service.revoke_token(id)
            if json:
                out.data(jsonable(revoked))
            else:
                out.line(f"token {revoked.id} ({revoked.name}, of {revoked.person}) is revoked")
            return 0

        run(open_house, out, command)


def _add_explain(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk policy explain alice merge github.com/acme/app")
    def explain(
        person: Annotated[str, typer.Argument(help="A key of [people], or an identity; - is you.", metavar="PERSON")],
        act: Annotated[Act, typer.Argument(help="What the person would do.")],
        repository: Annotated[
            str, typer.Argument(help="A local path or a git URL. Default: Honk itself.", metavar="REPO")
        ] = "",
        task: Annotated[str, typer.Option(help="A task of that repository, by the beginning of its id.")] = "",
        json: Json = False,
    ) -> None:
        """Say whether somebody may do something, by which rule, and which other rules were looked at.

        Exits with 0 when it is allowed, 1 when it is not.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            where = await seen_from(house, repository) if repository else ""
            who = "" if person == "-" else person
            question = Question(person=who, act=act, repository=where, task=task)
            found = await house.service.explain(question)
            if json:
                out.data(jsonable(found))
            else:
                place = found.repository or "Honk itself"
                out.line(f"{found.person}, {found.act}, {place}: {'allowed' if found.decision.allowed else 'refused'}")
                out.line(f"  {found.decision.reason}")
                for one in found.looked_at:
                    out.line(f"  {'yes' if one.grants else 'no '} {one.rule}: {one.because}")
                out.line(f"  policy {found.decision.version}")
            return 0 if found.decision.allowed else 1

        run(open_house, out, command)


def _add_check(cli: typer.Typer, caretaker: Caretaker) -> None:
    @cli.command(epilog="Example: honk policy check ./honk.toml.new && mv honk.toml.new honk.toml")
    def check(
        file: Annotated[
            Path | None, typer.Argument(help="A file to try before it is put in place. Default: the one in use.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Try a honk.toml without using it: errors with their lines, or the version of its policy."""
        out = Output(json_lines=json)

        async def command() -> int:
            if file is None:
                caretaker.here()
            found = caretaker.check_policy(file)
            if json:
                out.data({"ok": True, "summary": found})
            else:
                out.line(found)
            return 0

        raise typer.Exit(guarded(command, out))


def _add_audit(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk audit --person alice --since 7d")
    def audit(
        task: Annotated[str, typer.Option(help="Only of this task, by the beginning of its id.")] = "",
        person: Annotated[str, typer.Option(help="Only of this person: a key of [people], or an identity.")] = "",
        since: Annotated[
            str, typer.Option(help="Only from then on: a time such as 2026-11-21T08:00Z, or 30m, 12h, 7d ago.")
        ] = "",
        before: Annotated[
            int | None, typer.Option(min=1, max=GREATEST, help="Only before the entry with this number.")
        ] = None,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 100,
        json: Json = False,
    ) -> None:
        """Show who did what, newest first: every act that was asked for, allowed or refused, and by which rule."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            query = AuditQuery(task=task, person=person, since=_moment(since), before=before, limit=limit)
            found = await house.service.audit(query)
            if json:
                for one in found:
                    out.data(jsonable(one))
            else:
                out.table(
                    ("number", "at", "person", "act", "on", "said", "because", "policy"), [_entry(one) for one in found]
                )
            return 0

        run(open_house, out, command)


def _entry(line: AuditLine) -> tuple[str, ...]:
    on = line.task or line.repository or "Honk itself"
    said = "allowed" if line.allowed else "refused"
    return (
        str(line.number),
        f"{line.at:%Y-%m-%d %H:%M:%S}",
        line.person,
        str(line.act),
        on,
        said,
        line.reason,
        line.policy,
    )


def _moment(text: str) -> datetime | None:
    """A time as a person types it. Raises Usage."""
    if not text:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1] in units:
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: float(text[:-1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Usage(f"{text!r} is no time", "such as 2026-11-21T08:00Z, 30m, 12h or 7d") from None
    return moment if moment.tzinfo else moment.astimezone()
