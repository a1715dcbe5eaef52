"""Why the walls cannot be built here, in one sentence, and the one command that changes it."""

import os
from collections.abc import Callable
from pathlib import Path

from honk.errors import SandboxUnusable

_INSTALL = {
    "apt-get": "apt-get install -y bubblewrap",
    "dnf": "dnf install -y bubblewrap",
    "zypper": "zypper install -y bubblewrap",
    "pacman": "pacman -S --noconfirm bubblewrap",
    "apk": "apk add bubblewrap",
}

#: Lets this one program make user namespaces, as Ubuntu's own profiles do for browsers.
_PROFILE = (
    r"printf 'abi <abi/4.0>,\ninclude <tunables/global>\nprofile bwrap {program} flags=(unconfined) {{\n"
    r"  userns,\n}}\n' | {sudo}tee /etc/apparmor.d/bwrap >/dev/null && {sudo}apparmor_parser -r /etc/apparmor.d/bwrap"
)


def missing() -> SandboxUnusable:
    command = next((line for tool, line in _INSTALL.items() if Path("/usr/bin", tool).exists()), "")
    remedy = f"Run: {_sudo()}{command}" if command else "Install bubblewrap with the system's package manager."
    return SandboxUnusable("The sandbox needs bubblewrap, which is not installed.", remedy)


def too_old(release: str) -> SandboxUnusable:
    return SandboxUnusable(
        f"The sandbox needs bubblewrap 0.6 or newer; this is {release}.",
        "Upgrade bubblewrap, or the system to Debian 12, Ubuntu 22.04 or newer.",
    )


def blocked(program: Path, said: str, setting: Callable[[str], str]) -> SandboxUnusable:
    """`said` is bwrap's complaint; `setting` reads a kernel setting by its name, "" when there is none."""
    if setting("kernel.apparmor_restrict_unprivileged_userns") == "1":
        return SandboxUnusable(
            "AppArmor keeps bubblewrap from making user namespaces (the default of Ubuntu since 24.04).",
            "Run: " + _PROFILE.format(program=program, sudo=_sudo()),
        )
    for name, off, on in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "0", "15000"),
    ):
        if setting(name) == off:
            return SandboxUnusable(
                f"The kernel setting {name} forbids the user namespaces that the sandbox is built from.",
                f"Run: {_sudo()}sysctl -w {name}={on}",
            )
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return SandboxUnusable(
            f"This container may not make sandboxes of its own: {said}",
            "Start it with: --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined",
        )
    return SandboxUnusable(
        f"bubblewrap does not work here: {said}",
        f"See what it says to: {program} --unshare-all --ro-bind / / true",
    )


def kernel_setting(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:
        return ""


def _sudo() -> str:
    return "" if os.geteuid() == 0 else "sudo "
