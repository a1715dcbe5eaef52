"""A PostgreSQL server of the suite's own: a unix socket, no network, no durability, gone with the tests."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import sqlalchemy as sa
from psycopg import sql

import migrated
from honk.adapters.sql.postgresql import engine

#: where Debian puts the newest server's programs, which are on nobody's PATH
_DEBIAN = Path("/usr/lib/postgresql")
#: what a test server does without
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",
    "log_min_messages": "fatal",
}
#: the unprivileged user of a server that root starts; PostgreSQL refuses to run as root
_NOBODY = 65534
_PR_SET_PDEATHSIG = 1


def programs() -> Path | None:
    """Where initdb and postgres are, or None when PostgreSQL is not installed."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@dataclass
class Server:
    """One running server. Each test gets a database of its own."""

    folder: Path
    port: int = 5432
    _made: int = 0
    _template: str = ""

    def url(self, name: str, user: str = "honk", password: str = "") -> str:
        """The address of a database, as honk.toml takes it."""
        who = user + (f":{quote(password, safe='')}" if password else "")
        return f"postgresql://{who}@/{name}?host={self.folder}&port={self.port}"

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs statements as the administrator; the rows of the last one."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            rows: list[tuple[object, ...]] = []
            for statement in statements:
                cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
                rows = cursor.fetchall() if cursor.description else []
            return rows

    def role(self, name: str, password: str) -> None:
        """A role that must give its password; everybody else need not."""
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        rules = f"local all {name} scram-sha-256\nlocal all all trust\n"
        (self.folder / "data" / "pg_hba.conf").write_text(rules)
        self.execute("SELECT pg_reload_conf()")

    def database(self, *, filled: bool = False) -> str:
        """The address of a new database: empty, or with the schema."""
        if filled and not self._template:
            self._template = "honk_schema"
            self.execute(f"CREATE DATABASE {self._template}")
            migrated.fill(engine(sa.make_url(self.url(self._template))))
        self._made += 1
        name = f"honk_{self._made}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {self._template}" if filled else ""))
        return self.url(name)


def _of_nobody() -> None:
    """In the child: dies with the tests, and is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@contextmanager
def running(where: Path, settings: dict[str, str] | None = None, *, auth: str = "trust") -> Iterator[Server]:
    """A server while the context is open; `where` is what `programs()` gave."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    data = folder / "data"
    data.mkdir()
    if os.geteuid() == 0:
        for path in (folder, data):
            os.chown(path, _NOBODY, _NOBODY)
    folder.chmod(0o755)
    data.chmod(0o700)
    environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(folder)}
    initdb = [where / "initdb", "-D", data, "-U", "honk", f"--auth={auth}", "-E", "UTF8", "--no-sync"]
    options = [part for name, value in (_SETTINGS | (settings or {})).items() for part in ("-c", f"{name}={value}")]
    try:
        subprocess.run(
            list(map(str, initdb)), check=True, capture_output=True, preexec_fn=_of_nobody, env=environment, cwd=folder
        )
        process = subprocess.Popen(
            [str(where / "postgres"), "-D", str(data), "-k", str(folder), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_of_nobody,
            env=environment,
            cwd=folder,
        )
        try:
            _until_ready(process, where, folder)
            yield Server(folder)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
            if process.stderr:
                process.stderr.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until_ready(process: "subprocess.Popen[bytes]", where: Path, folder: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            words = process.stderr.read().decode() if process.stderr else ""
            raise RuntimeError(f"postgres ended: {words}")
        ready = subprocess.run([where / "pg_isready", "-q", "-h", folder, "-t", "1"], check=False)
        if ready.returncode == 0:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError("postgres did not get ready")
