"""Every hole that somebody found in a sandbox like this one, tried from inside.

| real | not real |
|---|---|
| bubblewrap, the kernel, the host's sockets and processes | nothing |
"""

import asyncio
import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sandbox_place
from sandbox_place import ROOT, SOON, Place, shell

from honk.adapters.bubblewrap.seccomp import ARCHITECTURES
from honk.errors import SandboxUnusable, Usage
from honk.ports import Mount

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

TOP = sorted(
    ["dev", "etc", "home", "proc", "run", "tmp", "usr", "var", "workspace"]
    + [name for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32") if Path("/", name).exists()]
)
CANARY = "canary-7c1f5e"
place, closed = sandbox_place.place, sandbox_place.closed


# ── files ──────────────────────────────────────────────────────────────────────────────────────
async def test_nothing_of_the_host_is_there_but_its_programs(place: Place) -> None:
    secret = place.folder / "secret"
    secret.write_text(CANARY)
    secret.chmod(0o644)
    hidden = [str(secret), str(place.home), "/etc/shadow", "/etc/gshadow", "/root", "/sys", "/opt", "/srv", "/mnt"]
    hidden += ["/var/lib", "/var/run", "/run/lock", "/etc/gitconfig", "/etc/pip.conf", "/etc/npmrc", "/etc/ssl/private"]
    hidden += ["/etc/machine-id", "/etc/resolv.conf", "/etc/ssh", "/boot", "/home/cloudsdk", sys.prefix]
    async with place.open() as sandbox:
        ran = await shell(sandbox, f"for f in {' '.join(hidden)}; do test -e $f && echo $f; done; ls -A / /run /home")
    assert ran.stdout.decode().split() == (["/:", *TOP, "/home:", "honk", "/run:", "honk"])


async def test_only_these_files_of_etc_are_there(closed: Place) -> None:
    async with closed.open() as sandbox:
        ran = await shell(sandbox, "ls -A /etc /etc/ssl; cat /etc/passwd /etc/hosts")
    shown = set(ran.stdout.decode().split())
    assert not shown & {"shadow", "gshadow", "sudoers", "sudoers.d", "environment", "apt", "private", "krb5.keytab"}
    assert b"honk:x:1000:1000" in ran.stdout
    assert socket.gethostname() not in ran.stdout.decode()


async def test_the_system_cannot_be_written(place: Place) -> None:
    script = """
import os
got = []
folders = "/ /usr /usr/bin /bin /etc /etc/ssl/certs /run /run/honk /dev /dev/pts /home /var /proc"
for folder in folders.split():
    for make in (lambda p: os.close(os.open(p, os.O_CREAT | os.O_WRONLY)), os.mkdir, lambda p: os.symlink("x", p)):
        try:
            make(folder + "/planted")
        except OSError:
            continue
        got.append(folder)
for path in ("/etc/passwd", "/etc/ld.so.cache", "/usr/bin/env"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        got.append(path)
    except OSError:
        pass
print(got)
"""
    assert await place.python_says(script) == "[]"


async def test_no_kernel_setting_can_be_written(place: Place) -> None:
    script = """
import os
got = []
for top, folders, files in os.walk("/proc/sys"):
    for name in files:
        try:
            os.close(os.open(os.path.join(top, name), os.O_WRONLY))
        except OSError:
            continue
        got.append(os.path.join(top, name))
for path in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/mtrr", "/proc/scsi/scsi"):
    for flags in (os.O_WRONLY, os.O_RDONLY):
        try:
            os.close(os.open(path, flags))
            got.append(path)
        except OSError:
            pass
print(got)
"""
    assert await place.python_says(script) == "[]"


async def test_a_link_in_the_workspace_leads_no_mount_into_the_host(closed: Place) -> None:
    outside = closed.folder / "outside"
    outside.mkdir()
    closed.sandboxes.own(outside)
    async with closed.open() as sandbox:
        await shell(sandbox, f"ln -s {outside} modules; ln -s /oldroot{outside} old")
    for name in ("modules", "old"):
        mounts = (Mount(source=closed.workspace, target=f"/workspace/{name}/made"),)
        async with closed.open(mounts=mounts) as sandbox:
            with pytest.raises(SandboxUnusable, match="link"):
                await shell(sandbox, "true")
    assert [*outside.iterdir()] == []


async def test_removal_does_not_follow_what_was_planted(closed: Place) -> None:
    outside = closed.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    async with closed.open() as sandbox:
        await shell(
            sandbox, f"ln -s {outside} /tmp/up; ln -s {outside} /run/honk/in/up; rm -rf /home/honk; ln -s / /tmp/r"
        )
    assert (outside / "file").read_text() == "kept"
    assert [*(closed.home / "run").iterdir()] == []


async def test_a_zero_character_does_not_become_an_option(closed: Place) -> None:
    async with closed.open(environment={"X": "1\0--bind\0/\0/env"}) as sandbox:
        with pytest.raises(Usage):
            await shell(sandbox, "ls /env")
    async with closed.open() as sandbox:
        with pytest.raises(Usage):
            await sandbox.run(("ls",), seconds=SOON, environment={"X\0--bind\0/\0/env": "1"})


async def test_devices_are_the_harmless_ones(place: Place) -> None:
    script = """
import os, stat
def device(name):
    mode = os.lstat("/dev/" + name).st_mode
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
print(sorted(filter(device, os.listdir("/dev"))))
try:
    os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0))
except OSError:
    pass
else:
    print("made a device")
"""
    allowed = ["full", "null", "random", "tty", "urandom", "zero"]
    assert await place.python_says(script) == str(allowed)


# ── secrets ────────────────────────────────────────────────────────────────────────────────────
async def test_no_environment_and_no_path_of_the_host_is_inside(closed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONK_CANARY_TOKEN", CANARY)
    script = """
import os, sys
for process in [name for name in os.listdir("/proc") if name.isdigit()]:
    for file in ("environ", "cmdline", "comm", "stat", "status"):
        content = open(f"/proc/{process}/{file}", "rb").read()
        for word in sys.argv[1].split(","):
            # The program's own arguments hold the words it looks for.
            if word.encode() in content and not (file == "cmdline" and sys.argv[1].encode() in content):
                print(process, file, word)
print(sorted(os.environ))
"""
    shown = await closed.python_says(script, f"{CANARY},{closed.folder.name}")
    assert shown == str(sorted(["HOME", "LANG", "LOGNAME", "PATH", "PWD", "TMPDIR", "USER"]))
    async with closed.open() as sandbox:
        first = await shell(sandbox, "cat /proc/1/environ /proc/1/cmdline")
        assert CANARY.encode() not in first.stdout
        assert closed.folder.name.encode() not in first.stdout


async def test_no_descriptor_of_the_host_is_inherited(place: Place) -> None:
    with (place.folder / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        async with place.open() as sandbox:
            ran = await shell(sandbox, "exec ls /proc/self/fd")
    shown = ran.stdout.decode().split()
    # 3 is the folder that the listing itself reads.
    assert shown == ["0", "1", "2", "3"]


# ── processes ──────────────────────────────────────────────────────────────────────────────────
async def test_nobody_elses_processes_are_seen_or_signalled(place: Place) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        async with place.open() as sandbox:
            ran = await shell(
                sandbox, f"kill -9 {bystander.pid} {os.getpid()}; ls /proc | grep -c '^[0-9]'; kill -9 -1"
            )
        assert int(ran.stdout) < 8
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


async def test_no_rights_can_be_had(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await shell(sandbox, "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status /proc/1/status; id")
    for line in ran.stdout.decode().splitlines():
        name, _, value = line.rpartition(":")[0].rpartition(":")[2], "", line.rpartition(":")[2].strip()
        if name.startswith("Cap"):
            assert int(value, 16) == 0, line
        elif name == "NoNewPrivs":
            assert value == "1", line
        elif name == "Seccomp":
            assert value == "2", line
    assert b"uid=1000(honk) gid=1000(honk) groups=1000(honk)" in ran.stdout


async def test_files_made_inside_belong_to_nobody_important(place: Place) -> None:
    async with place.open() as sandbox:
        await shell(sandbox, "touch made; mkdir folder; ln -s x link; mkfifo pipe")
    owners = {path.lstat().st_uid for path in place.workspace.iterdir()}
    assert owners == {place.workspace.stat().st_uid}
    assert not ROOT or 0 not in owners


FORBIDDEN = """
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    ctypes.set_errno(0)
    return "done" if libc.syscall(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
NULL = None
flags = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000}
flags |= {"ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000}
numbers = json.loads(sys.argv[1])
got = {name: call(numbers[name], 0, 0, 0, 0, 0, 0) for name in numbers if name not in ("clone", "clone3", "reboot")}
got |= {"unshare " + name: call(numbers["unshare"], flag) for name, flag in flags.items()}
for name, flag in flags.items():
    # The parent would see a new process's number; a child that was made ends at once.
    child = libc.syscall(numbers["clone"], flag | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    got["clone " + name] = "done" if child > 0 else errno.errorcode[ctypes.get_errno()]
allowed = {name: result for name, result in got.items() if result != "EPERM"}
print(allowed, call(numbers["clone3"], 0, 0))
"""


async def test_system_calls_that_lead_out_are_refused(place: Place) -> None:
    known = ARCHITECTURES[os.uname().machine]
    # Newer than the oldest kernels that Honk runs on; the filter answers before the kernel does.
    numbers = known.refused | {"clone": known.clone, "clone3": known.clone3}
    assert await place.python_says(FORBIDDEN, json.dumps(numbers)) == "{} ENOSYS"


async def test_calls_of_another_architecture_are_refused(closed: Place) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 exists on x86_64 only")
    script = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(0x40000000 | 39), errno.errorcode[ctypes.get_errno()])
"""
    assert await closed.python_says(script) == "-1 ENOSYS"


async def test_characters_cannot_be_put_into_a_terminal(closed: Place) -> None:
    script = """
import fcntl, os
controller, terminal = os.openpty()
for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
    try:
        fcntl.ioctl(terminal, request & 0xFFFFFFFF, b"x")
        print("typed")
    except OSError as error:
        print(error.errno)
"""
    assert await closed.python_says(script) == "\n".join(["1"] * 3)


async def test_honks_own_terminal_is_out_of_reach(closed: Place) -> None:
    controller, terminal = pty.openpty()
    try:
        async with closed.open() as sandbox:
            ran = await shell(sandbox, "echo x >/dev/tty; ps -o sid= -p $$ 2>/dev/null; ls /dev/pts")
    finally:
        os.close(controller)
        os.close(terminal)
    assert b"No such device" in ran.stderr
    assert ran.stdout.decode().split()[-1:] == ["ptmx"]


# ── network ────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def listening(family: int, address: object) -> Iterator[socket.socket]:
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        yield listener


async def test_nothing_is_reached_but_the_exit(place: Place) -> None:
    script = """
import socket, sys
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
    (socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)),
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(sys.argv[1]))),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
    (socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80)),
    (socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + sys.argv[2]),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/run/docker.sock"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/var/run/dbus/system_bus_socket"),
):
    with socket.socket(family, kind) as attempt:
        attempt.settimeout(1)
        try:
            attempt.connect(address)
            attempt.send(b"x")
            print("reached", address)
        except TimeoutError:
            print("waited", address)
        except OSError:
            pass
try:
    print(socket.getaddrinfo("example.com", 80))
except OSError:
    print("no names")
"""
    abstract = f"honk-test-{os.getpid()}"
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as tcp, listening(socket.AF_UNIX, "\0" + abstract):
        said = await place.python_says(script, str(tcp.getsockname()[1]), abstract)
    assert said == "no names"


async def test_only_ordinary_address_families_exist(closed: Place) -> None:
    script = """
import errno, socket
made = {}
for family in range(1, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            made.setdefault(family, []).append(kind)
        except OSError:
            pass
print(sorted(made), socket.SOCK_RAW in made[2])
"""
    assert await closed.python_says(script) == "[1, 2, 10, 16] False"


async def test_two_sandboxes_do_not_meet(closed: Place) -> None:
    listen = "import socket; s = socket.socket(1); s.bind('\\0meet'); s.listen(); print('up', flush=True); s.accept()"
    call = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0meet')"
    async with closed.open() as one, closed.open() as other:
        process = await one.start((closed.python, "-c", listen))
        assert await anext(process.lines()) == b"up"
        await shell(one, "echo secret >/tmp/s; echo secret >/home/honk/s; echo secret >/run/honk/in/s")
        reached = await other.run((closed.python, "-c", call), seconds=SOON)
        assert b"ConnectionRefusedError" in reached.stderr
        ran = await shell(other, "ls -A /tmp /home/honk /run/honk/in")
        assert b"s\n" not in ran.stdout.replace(b":\n", b"")


async def test_a_link_in_place_of_a_socket_leads_nowhere(closed: Place) -> None:
    path = closed.folder / "hosts.sock"
    with listening(socket.AF_UNIX, str(path)) as listener:
        listener.setblocking(False)
        async with closed.open() as sandbox:
            await shell(sandbox, f"ln -s {path} /run/honk/in/web; mkfifo /run/honk/in/pipe; mkdir /run/honk/in/folder")
            for name in ("web", "pipe", "folder"):
                reader, writer = await asyncio.open_unix_connection(sandbox.inbound(name))
                assert await reader.read() == b""
                writer.close()
            for name in ("../x", "..", "a/b", ""):
                with pytest.raises(Usage):
                    sandbox.inbound(name)
        with pytest.raises(BlockingIOError):
            listener.accept()
