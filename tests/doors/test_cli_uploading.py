"""`honk build upload` before anything is sent: what is wrong is said, with what to do, and exits with 2."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from honk.domain.text import Secret
from honk.doors.cli.building import add_build_commands
from honk.doors.cli.house import House
from honk.doors.cli.remote import open_remote


class Nowhere:
    """A CI that says nothing, and a server that cannot be there."""

    def open_at(self, server: str, token: Secret) -> AbstractAsyncContextManager[House]:
        return open_remote(server or "http://127.0.0.1:1", token)

    def commit(self) -> str:
        return ""

    def task(self) -> str:
        return ""


def run(*argv: str, **env: str) -> tuple[int, str]:
    """Exit code, and everything that was said."""
    cli, nothing = typer.Typer(), Any
    add_build_commands(cli, nothing, Nowhere)  # type: ignore[arg-type]
    done = CliRunner().invoke(cli, ["build", "upload", *argv], env=env)
    return done.exit_code, done.output


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    code, said = run(str(tmp_path))
    assert code == 2 and "is a folder" in said and "make an archive" in said
    code, said = run(str(tmp_path / "none.apk"))
    assert code == 2 and "cannot be read" in said


def test_without_a_token_nothing_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "app.apk"
    file.write_bytes(b"x")
    code, said = run(str(file), "--server", "http://127.0.0.1:1", "--commit", "abcdef1")
    assert code == 2 and "HONK_TOKEN is not set" in said


def test_outside_of_a_repository_the_commit_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "app.apk"
    file.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    code, said = run(str(file), "--token", "honk_x", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert code == 2 and "--commit SHA" in said
    code, said = run(str(file), "--token", "honk_x", "--commit", "abcdef1")
    assert code == 1 and "does not answer" in said
