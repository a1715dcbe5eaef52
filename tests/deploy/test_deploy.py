"""What is in deploy/ fits Honk as it is: paths, settings and commands exist, and the programs accept the files."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from honk.settings import Settings
from honk.settings.secrets import SECRETS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
sys.path.insert(0, str(ROOT / "tests" / "docs"))
import command_reference  # noqa: E402

UNIT = (DEPLOY / "systemd" / "honk.service").read_text(encoding="utf-8")
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8"))
VARIABLES = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8").split("## The environment")[1]


def unit(key: str) -> list[str]:
    """Every value that the unit gives to that key."""
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def steps(word: str) -> list[str]:
    """The Containerfile's instructions of that kind, each on one line."""
    joined = re.sub(r"\\\n\s*", "", CONTAINERFILE)
    return re.findall(rf"^{word} (.*)$", joined, re.MULTILINE)


def known(variable: str) -> None:
    """Fails for a variable of Honk that the reference does not name."""
    assert f"`{variable}`" in VARIABLES, variable
    if variable.endswith("_FILE"):
        assert variable.removesuffix("_FILE") in SECRETS


def test_the_unit_starts_a_command_that_exists() -> None:
    (start,) = unit("ExecStart")
    program, *words = shlex.split(start)
    assert program.endswith("/honk") and words[0] in command_reference.commands()


def test_the_unit_sets_only_what_honk_reads() -> None:
    names = [pair.partition("=")[0] for line in unit("Environment") for pair in line.split()]
    assert names
    for name in names:
        known(name)
    credentials = {line.partition(":")[0] for line in unit("LoadCredential")}
    used = {pair.partition("=%d/")[2] for line in unit("Environment") for pair in line.split() if "=%d/" in pair}
    assert used == credentials


def test_the_unit_leaves_room_for_sandboxes() -> None:
    """Each of these was a sandbox that could not be built, or could not be limited."""
    keys = set(re.findall(r"^(\w+)=", UNIT, re.MULTILINE))
    assert not keys & {
        *("RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset"),
        *("ProtectHostname", "ProtectControlGroups", "MemoryDenyWriteExecute", "SystemCallFilter", "PrivateUsers"),
    }
    assert unit("Delegate") == ["yes"] and unit("KillMode") == ["mixed"] and unit("NoNewPrivileges") == ["yes"]
    assert unit("User") == ["honk"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd: the unit is not verified")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    here = UNIT.replace("/opt/honk/.venv/bin/honk", str(Path(sys.executable).with_name("honk")))
    (tmp_path / "honk.service").write_text(re.sub(r"^(User|Group)=honk$", r"\1=root", here, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "honk.service"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_container_copies_what_there_is_and_runs_what_there_is() -> None:
    for line in steps("COPY"):
        words = line.split()
        if not words[0].startswith("--from"):
            assert all((ROOT / path).exists() for path in words[:-1]), line
    ignored = (DEPLOY / "container" / "Containerfile.dockerignore").read_text(encoding="utf-8")
    kept = set(re.findall(r"^!(.+)$", ignored, re.MULTILINE))
    assert kept == {path for line in steps("COPY") if "--from" not in line for path in line.split()[:-1]}
    (command,) = re.findall(r"^CMD \[(.*)\]$", CONTAINERFILE, re.MULTILINE)
    assert steps("ENTRYPOINT") == ['["honk"]']
    assert yaml.safe_load(f"[{command}]")[0] in command_reference.commands()
    assert steps("USER") == ["honk"] and "/healthz" in CONTAINERFILE


def test_every_path_secret_and_volume_of_the_compose_file_is_there() -> None:
    here = DEPLOY / "container"
    service = COMPOSE["services"]["honk"]
    context = (here / service["build"]["context"]).resolve()
    assert context == ROOT and (context / service["build"]["dockerfile"]).is_file()
    for one in COMPOSE["services"].values():
        assert set(one["secrets"]) <= set(COMPOSE["secrets"])
        for value in one["environment"].values():
            if value.startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in one["secrets"]
        for volume in one["volumes"]:
            source = volume.partition(":")[0]
            assert (here / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"], volume
    for name in service["environment"]:
        known(name)
    assert set(service["depends_on"]) <= set(COMPOSE["services"])


def test_what_is_there_as_a_comment_is_right_once_it_is_none() -> None:
    text = (DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8")
    whole = yaml.safe_load(re.sub(r"^(\s*)# (?=- slack|slack|SLACK|  file: )", r"\1", text, flags=re.MULTILINE))
    honk = whole["services"]["honk"]
    asked = {name: value for name, value in honk["environment"].items() if name.startswith("SLACK_")}
    assert set(asked) == {"SLACK_BOT_TOKEN_FILE", "SLACK_APP_TOKEN_FILE"}
    for name, value in asked.items():
        known(name)
        secret = value.removeprefix("/run/secrets/")
        assert secret in honk["secrets"] and whole["secrets"][secret] == {"file": f"./secrets/{secret}"}
    pairs = re.findall(r"(\w+_FILE)=%d/(\S+)", UNIT)
    for name, credential in pairs:
        known(name)
        assert f"LoadCredential={credential}:/etc/honk/credentials/{credential}" in UNIT
    assert {name for name, _ in pairs} > set(asked)


def test_no_secret_stands_in_a_file_and_nobody_outside_reaches_the_port() -> None:
    for one in COMPOSE["services"].values():
        for name, value in one["environment"].items():
            assert name.endswith("_FILE") or not re.search("PASSWORD|KEY|TOKEN|SECRET|DATABASE", name), name
            assert "://" not in str(value)
        for port in one.get("ports", []):
            assert str(port).startswith("127.0.0.1:")
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "deploy/container/secrets/anthropic_api_key"], cwd=ROOT, check=False
    )
    assert ignored.returncode in {0, 128}, "the secrets' folder could be committed"


def test_the_container_may_make_sandboxes() -> None:
    options = COMPOSE["services"]["honk"]["security_opt"]
    assert {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"} <= set(options)
    assert "privileged" not in COMPOSE["services"]["honk"]
    assert COMPOSE["services"]["honk"]["init"] is True


def test_the_containers_settings_are_settings(tmp_path: Path) -> None:
    place = DEPLOY / "container" / "honk.toml"
    settings = Settings.load({"HONK_HOME": str(tmp_path), "HONK_CONFIG": str(place)})
    port = settings.file.pages.port
    (published,) = COMPOSE["services"]["honk"]["ports"]
    assert settings.file.pages.host == "0.0.0.0" and published.endswith(f":{port}")
    for proxy in ("Caddyfile", "nginx.conf"):
        assert f"127.0.0.1:{port}" in (DEPLOY / "proxy" / proxy).read_text(encoding="utf-8"), proxy
    uncommented = re.sub(r"^# (public_url)", r"\1", place.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (tmp_path / "honk.toml").write_text(uncommented)
    assert Settings.load({"HONK_HOME": str(tmp_path)}).file.public_url.startswith("https://")


@pytest.mark.partner("caddy")
def test_caddy_accepts_its_file() -> None:
    file = DEPLOY / "proxy" / "Caddyfile"
    command = ["caddy", "adapt", "--config", file, "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and '"flush_interval":-1' in done.stdout, done.stderr


@pytest.mark.partner("nginx")
def test_nginx_accepts_its_file(tmp_path: Path) -> None:
    server = (DEPLOY / "proxy" / "nginx.conf").read_text(encoding="utf-8")
    (tmp_path / "nginx.conf").write_text(
        f"events {{}}\npid {tmp_path}/pid;\nerror_log stderr;\nhttp {{\naccess_log off;\n{server}\n}}\n"
    )
    command = ["/usr/sbin/nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "proxy_buffering off" in server, done.stderr


@pytest.mark.parametrize("page", ["reach-it-from-a-phone", "tunnel", "tailscale", "reverse-proxy", "run-as-a-service"])
def test_each_way_ends_with_the_doctor(page: str) -> None:
    text = (ROOT / "docs" / "howto" / f"{page}.md").read_text(encoding="utf-8")
    assert "honk doctor" in text.rpartition("## Check")[2] and "## Check" in text
