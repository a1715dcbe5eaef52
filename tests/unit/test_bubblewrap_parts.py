"""Parts of the bubblewrap sandbox with many cases: the filter, the refusals, the copies, the start."""

import errno
import os
import re
import resource
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.adapters.bubblewrap import Bubblewrap, cgroups, launch, refusal, runtime, seccomp, watch
from honk.adapters.bubblewrap.output import Kept
from honk.errors import SandboxUnusable
from honk.ports import Bounds, Box, Mount

ALLOWED, REFUSED = 0x7FFF0000, 0x00050000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def judge(machine: str, number: int, *arguments: int, audit: int | None = None) -> str:
    """What the kernel would do with the call: a machine for classic BPF in a dozen lines."""
    known = seccomp.ARCHITECTURES[machine]
    program = [struct.unpack("=HBBI", line) for line in chunks(seccomp.filter_program(machine), 8)]
    call = struct.pack("=iIQ6Q", number, known.audit if audit is None else audit, 0, *(*arguments, *[0] * 6)[:6])
    held, place = 0, 0
    while True:
        code, yes, no, value = program[place]
        place += 1
        if code == 0x20:
            held = struct.unpack_from("=I", call, value)[0]
        elif code == 0x06:
            return "allowed" if value == ALLOWED else errno.errorcode[value - REFUSED]
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            place += yes if holds else no


def chunks(data: bytes, size: int) -> list[bytes]:
    assert len(data) % size == 0
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_refuses_what_is_listed_and_nothing_else(machine: str) -> None:
    known = seccomp.ARCHITECTURES[machine]
    refused = set(known.refused.values())
    for number in range(600):
        if number in (known.clone, known.ioctl, known.socket):
            continue
        expected = "EPERM" if number in refused else "ENOSYS" if number == known.clone3 else "allowed"
        assert judge(machine, number) == expected, number


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_looks_at_arguments(machine: str) -> None:
    known = seccomp.ARCHITECTURES[machine]
    thread = 0x3D0F00
    assert judge(machine, known.clone, thread) == "allowed"
    assert judge(machine, known.clone, 17) == "allowed"
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert judge(machine, known.clone, flag | 17) == "EPERM"
    assert judge(machine, known.ioctl, 0, 0x5401) == "allowed"
    for request in (0x5412, 0x541C, 0x5412 | 1 << 32, 0x541C | 0xFFFFFFFF << 32):
        assert judge(machine, known.ioctl, 0, request) == "EPERM"
    for family in range(46):
        expected = "allowed" if family in (1, 2, 10, 16) else "EAFNOSUPPORT"
        assert judge(machine, known.socket, family, 1) == expected


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_refuses_other_architectures(machine: str) -> None:
    assert judge(machine, 0, audit=0x40000003) == "ENOSYS"
    assert judge(machine, 0x40000000) == "ENOSYS"


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filters_numbers_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed")
    known = seccomp.ARCHITECTURES[machine]
    listed = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    numbers = {name: int(number) for name, number in listed}
    own = known.refused | {"clone": known.clone, "clone3": known.clone3, "ioctl": known.ioctl, "socket": known.socket}
    # Headers may be older than a call.
    assert {name: number for name, number in own.items() if numbers.get(name, number) != number} == {}
    assert len(own.keys() & numbers.keys()) > len(own) - 5


def test_an_unknown_processor_is_said() -> None:
    with pytest.raises(SandboxUnusable, match="riscv64"):
        seccomp.filter_program("riscv64")


@given(st.lists(st.binary(max_size=300)), st.integers(min_value=2, max_value=500))
def test_kept_output_is_whole_or_its_beginning_and_end(pieces: list[bytes], limit: int) -> None:
    kept = Kept(limit)
    for piece in pieces:
        kept.add(piece)
    everything = b"".join(pieces)
    content = kept.content()
    assert kept.cut == (len(everything) > limit)
    if not kept.cut:
        assert content == everything
    else:
        head, rest = content[: limit // 2], content[limit // 2 :]
        note = f"\n[{len(everything) - limit} bytes left out]\n".encode()
        assert everything.startswith(head)
        assert rest.startswith(note)
        assert everything.endswith(rest.removeprefix(note))
        assert len(content) == limit + len(note)


SETTINGS = {
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "apparmor_parser -r /etc/apparmor.d/bwrap"),
    "kernel.unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "user.max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_blocked_sandbox_says_the_one_command(name: str) -> None:
    value, command = SETTINGS[name]
    error = refusal.blocked(Path("/usr/bin/bwrap"), "no", lambda asked: value if asked == name else "")
    assert command in error.remedy
    assert "\n" not in error.message + error.remedy


def test_the_profile_for_apparmor_is_one_that_its_parser_reads() -> None:
    error = refusal.blocked(Path("/opt/bin/bwrap"), "no", lambda _: "1")
    text = error.remedy.split("'")[1].replace(r"\n", "\n")
    lines = ["abi <abi/4.0>,", "include <tunables/global>", "profile bwrap /opt/bin/bwrap flags=(unconfined) {"]
    assert text.splitlines() == [*lines, "  userns,", "}"]


def test_another_reason_is_told_in_bwraps_words() -> None:
    assert "strange" in str(refusal.blocked(Path("/usr/bin/bwrap"), "strange", lambda _: ""))


def test_where_an_ordinary_user_may_go(tmp_path: Path) -> None:
    user = 60_000
    for folder in tmp_path.parents:
        if not folder.stat().st_mode & 0o001:
            assert not launch.reachable(tmp_path / "x", user)
    assert launch.reachable(Path("/usr/bin/env"), user)
    assert launch.executable(Path("/usr/bin/env"), user)
    assert not launch.executable(Path("/etc/hostname"), user) or Path("/etc/hostname").stat().st_mode & 1


def test_folders_that_only_root_enters_are_shown_elsewhere(short_tmp: Path) -> None:
    bind = Mount(source=short_tmp, target="/workspace")
    inner = Mount(source=short_tmp / "x", target="/x")
    (short_tmp / "x").mkdir()
    short_tmp.chmod(0o755)
    direct = launch.launch((bind, inner), (), 60_000)
    assert direct.binds == (bind, inner)
    assert "unshare" not in direct.prefix
    short_tmp.chmod(0o700)
    staged = launch.launch((bind, inner), (), 60_000)
    assert staged.prefix[0] == "unshare"
    assert [mount.target for mount in staged.binds] == ["/workspace", "/x"]
    assert not any(mount.source.is_relative_to(short_tmp) for mount in staged.binds)
    assert launch.launch((bind, inner), (), None).prefix == ()


def test_the_agent_is_copied_once_where_it_cannot_be_reached(tmp_path: Path) -> None:
    binary = runtime.agent(tmp_path / "unused", None)
    assert not (tmp_path / "unused").exists()
    nobody_can = 60_000
    if launch.executable(binary, nobody_can):
        assert runtime.agent(tmp_path / "unused", nobody_can) == binary
    else:
        copy = runtime.agent(tmp_path / "runtime", nobody_can)
        assert copy.stat().st_size == binary.stat().st_size
        assert copy.stat().st_mode & 0o005 == 0o005
        assert runtime.agent(tmp_path / "runtime", nobody_can) == copy


def test_a_copied_interpreter_is_whole_and_readable(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        interpreter = runtime.own_python(tmp_path / "runtime")
    finally:
        os.umask(before)
    assert runtime.own_python(tmp_path / "runtime") == interpreter
    copy = interpreter.copy
    assert copy is not None
    assert [path for path in copy.rglob("*") if path.exists() and path.stat().st_mode & 0o004 == 0] == []
    library = copy / "lib" / interpreter.path.name
    # Debian keeps the wheels of its own interpreter elsewhere below /usr, which every sandbox sees
    original = interpreter.prefix / "lib" / interpreter.path.name / "ensurepip"
    assert (library / "ensurepip" / "_bundled").is_dir() == (original / "_bundled").is_dir()
    assert [*(library / "site-packages").iterdir()] == []


def test_control_groups_of_version_2_are_set(tmp_path: Path) -> None:
    """On a plain folder, where the kernel's files are not: that limits are asked for is the probe's to show."""
    parents = cgroups.Parents(folders={"memory": tmp_path, "pids": tmp_path})
    group = cgroups.make(parents, Bounds(memory=5, processes=7))
    assert len(group.folders) == 1
    assert group.folders[0].parent == tmp_path


def test_disk_use_is_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(bytes(100_000))
    (tmp_path / "other").write_bytes(bytes(900_000))
    (tmp_path / "in" / "link").symlink_to(tmp_path / "other")
    assert 100_000 <= watch.used(tmp_path / "in") < 200_000


def test_a_tree_of_any_depth_is_counted_with_few_files_open(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, bytes(100_000))
    os.close(file)
    os.close(here)
    before = len(os.listdir("/proc/self/fd"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 100, hard))
    try:
        assert watch.used(tmp_path) >= 100_000
        assert len(os.listdir("/proc/self/fd")) == before
        assert watch.used(tmp_path, enough=1000) < 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        # What clears temporary folders away later goes one call deeper for each level.
        subprocess.run(("rm", "-rf", tmp_path / "d"), check=True)


def test_folders_are_counted_when_they_may_have_outgrown_their_limit(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    moment = 0.0
    growth = watch.Growth(2 << 20, now=lambda: moment)
    # above the limit from the beginning: it may be tidied up, and not grow much more
    assert not growth.outgrown(tmp_path)
    (tmp_path / "more").write_bytes(bytes(1 << 20))
    moment = 61.0
    assert growth.outgrown(tmp_path)
    growth = watch.Growth(8 << 20, now=lambda: moment)
    assert not growth.outgrown(tmp_path)
    (tmp_path / "more").write_bytes(bytes(6 << 20))
    moment = 122.0
    assert growth.outgrown(tmp_path)


def test_memory_is_counted_over_a_tree() -> None:
    assert watch.memory(os.getpid()) > 5 << 20
    assert watch.memory(2**22 + 1) == 0


OLD = "#!/bin/sh\necho 'bubblewrap 0.4.1 --bind --clearenv'\n"
SHUT = """#!/bin/sh
case $1 in
  --help) echo --clearenv --perms --size --json-status-fd --remount-ro --seccomp --args ;;
  --version) echo bubblewrap 9 ;;
  *) echo 'bwrap: No permissions to create new namespace' >&2; exit 1 ;;
esac
"""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "not installed"), (OLD, "0.6 or newer; this is bubblewrap 0.4.1"), (SHUT, "bwrap|name")],
)
async def test_walls_that_cannot_be_built_are_one_sentence_and_a_remedy(
    short_tmp: Path, content: str | None, words: str
) -> None:
    short_tmp.chmod(0o755)
    program = short_tmp / "bwrap"
    if content:
        program.write_text(content)
        program.chmod(0o755)
    sandboxes = Bubblewrap(short_tmp / "home", program=program)
    (short_tmp / "ws").mkdir()
    with pytest.raises(SandboxUnusable, match=words) as refused:
        async with sandboxes.open(Box(workspace=short_tmp / "ws")):
            pass
    assert refused.value.remedy
    (wall,) = await sandboxes.probe()
    assert (wall.name, wall.holds, wall.detail) == ("starts", False, str(refused.value))
    assert [*(short_tmp / "home" / "run").iterdir()] == []
