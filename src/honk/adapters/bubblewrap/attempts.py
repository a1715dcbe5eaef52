"""Runs inside a sandbox, on standard input of an interpreter: tries the walls, prints what held.

Arguments: a file of the host, the name of an abstract socket of the host. Output: one JSON object,
from the name of a wall to what got through it, "" when nothing did.
"""

import ctypes
import json
import os
import socket
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def status(*fields: str) -> dict[str, str]:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {field: lines[field].strip() for field in fields}


def variables(process: str) -> set[str]:
    content = Path("/proc", process, "environ").read_bytes()
    return {part.split(b"=")[0].decode() for part in content.split(b"\0") if part}


def environment() -> str:
    expected = {"HOME", "PATH", "LANG", "TMPDIR", "USER", "LOGNAME", "PWD", "LC_CTYPE"}
    # A shell that starts another program may add these four itself.
    strange = (variables("self") - expected) | (variables("1") - {"PATH", "PWD", "OLDPWD", "SHLVL", "_"})
    return ", ".join(sorted(strange))


def files(canary: str) -> str:
    looked_for = {canary, "/etc/shadow", "/root", "/var/lib", "/sys/kernel", "/mnt", "/boot"}
    # A copied interpreter lies where its original does.
    way = {str(folder) for folder in Path(sys.base_prefix).parents}
    return ", ".join(path for path in sorted(looked_for - way) if os.path.lexists(path))


def network(abstract: str) -> str:
    found = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    got = [name for name in found if name != "lo"]
    targets = (
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_UNIX, "\0" + abstract),
    )
    for family, address in targets:
        with socket.socket(family) as attempt:
            attempt.settimeout(0.2)
            try:
                attempt.connect(address)
            except TimeoutError:
                got.append(f"{address} (no refusal)")
            except OSError:
                continue
            else:
                got.append(str(address))
    return ", ".join(got)


def processes() -> str:
    others = [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) > 16]
    return ", ".join(others)


def capabilities() -> str:
    held = status("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    return ", ".join(f"{name} {value}" for name, value in held.items() if int(value, 16))


def calls() -> str:
    got = [f"{name} {value}" for name, value in status("Seccomp", "NoNewPrivs").items() if value not in ("1", "2")]
    if status("Seccomp") != {"Seccomp": "2"}:
        got.append("no filter")
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0:
        got.append("a user namespace")
    return ", ".join(got)


def system() -> str:
    got = []
    for folder in ("/", "/usr", "/etc", "/dev", "/honk", "/run"):
        try:
            os.close(os.open(f"{folder}/x", os.O_WRONLY | os.O_CREAT))
        except OSError:
            continue
        got.append(folder)
    for setting in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger"):
        try:
            os.close(os.open(setting, os.O_WRONLY))
        except OSError:
            continue
        got.append(setting)
    return ", ".join(got)


def file_size() -> str:
    with Path("/tmp/large").open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, 64 << 20)
        except OSError:
            return ""
    return "64 MiB"


def main(canary: str, abstract: str) -> dict[str, str]:
    Path("/workspace/made-inside").touch()
    return {
        "clean environment": environment(),
        "host files hidden": files(canary),
        "no network": network(abstract),
        "private processes": processes(),
        "no capabilities": capabilities(),
        "system calls filtered": calls(),
        "read-only system": system(),
        "file size limit": file_size(),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201
