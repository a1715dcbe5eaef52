"""Box → arguments of bwrap: what is inside, and nothing else.

The root is an allow-list on an empty file system. See docs of bwrap(1) for each option.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from honk.errors import SandboxUnusable
from honk.ports import Bounds, Mount

UID = 1000
PROXY_PORT = 3128
EXIT_SOCKET = "/run/honk/exit.sock"
INBOUND = "/run/honk/in"
RELAY = "/honk/relay.py"
WORKSPACE = "/workspace"
HOME = "/home/honk"
#: of util-linux
PRLIMIT = "/usr/bin/prlimit"
#: what /dev/shm may hold; it counts as memory
SHARED_MEMORY = 512 << 20
#: a limit that cannot be raised, and that nothing reaches
_ANY_DATA = 1 << 40

ENVIRONMENT = {
    "HOME": HOME,
    "PATH": "/env/venv/bin:/env/bin:/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",
    "USER": "honk",
    "LOGNAME": "honk",
}
_PROXY = f"http://127.0.0.1:{PROXY_PORT}"
PROXY_ENVIRONMENT = {name: _PROXY for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")} | {
    name: "localhost,127.0.0.1" for name in ("NO_PROXY", "no_proxy")
}

#: Files that programs look for by these names, with our own content.
FILES = {
    "/etc/passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\nhonk:x:{UID}:{UID}:Honk:{HOME}:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": f"root:x:0:\nhonk:x:{UID}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost honk\n::1 localhost ip6-localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}

#: The host's own that programs under /usr do not work without: the loader's, certificates, names.
_ETC = (
    "alternatives",
    "ca-certificates",
    "debian_version",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "os-release",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_BESIDE_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What one box shows, with its places on the host."""

    workspace: Path
    home: Path
    #: /tmp, the same for every command of the box
    temporary: Path
    #: /run/honk/in
    inbound: Path
    exit: Path | None
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    bounds: Bounds
    read_only_workspace: bool

    def binds(self) -> tuple[Mount, ...]:
        """Every bind mount of host folders outside /usr and /etc, parents before what lies in them."""
        own = (
            Mount(source=self.workspace, target=WORKSPACE, writable=not self.read_only_workspace),
            Mount(source=self.home, target=HOME, writable=True),
            Mount(source=self.temporary, target="/tmp", writable=True),
            Mount(source=self.inbound, target=INBOUND, writable=True),
        )
        way_out = () if self.exit is None else (Mount(source=self.exit, target=EXIT_SOCKET, writable=True),)
        # bwrap is started in /, so a relative source would be another folder.
        every = [replace(mount, source=mount.source.absolute()) for mount in (*own, *way_out, *self.mounts)]
        return tuple(sorted(every, key=lambda mount: len(PurePosixPath(mount.target).parts)))


def check(binds: tuple[Mount, ...]) -> None:
    """Refuses mounts that bwrap would place outside the box.

    A mount point inside another mount is only walked to without links: bwrap makes missing folders
    on the way, and a link that an agent planted there would lead it into the host's.
    Raises SandboxUnusable.
    """
    for mount in binds:
        target = PurePosixPath(mount.target)
        if not target.is_absolute() or ".." in target.parts or "\0" in mount.target:
            raise SandboxUnusable(f"{mount.target!r} is no absolute path inside a sandbox.")
        if not mount.source.exists():
            raise SandboxUnusable(f"{mount.source} should be shown in the sandbox, but does not exist.")
        for outer in binds:
            if outer is not mount and target.is_relative_to(outer.target):
                _walk(outer.source, target.relative_to(outer.target), mount.target)


def _walk(top: Path, way: PurePosixPath, target: str) -> None:
    for part in way.parts:
        top = top / part
        if top.is_symlink():
            raise SandboxUnusable(f"{target} cannot be shown in the sandbox: a link lies on the way.")


def arguments(
    inside: Inside, binds: tuple[Mount, ...], files: Mapping[str, int], *, features: frozenset[str]
) -> list[str]:
    """The options of bwrap, without program and command.

    `binds` are those of `inside`, with sources as bwrap itself can reach them; `files` maps paths
    inside to descriptors of their content.
    """
    options = ["--unshare-user", "--unshare-all", "--uid", str(UID), "--gid", str(UID), "--hostname", "honk"]
    if "--disable-userns" in features:
        options.append("--disable-userns")
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in inside.environment.items():
        options += ["--setenv", name, value]
    options += list(_system())
    for path, descriptor in files.items():
        options += ["--perms", "0444", "--file", str(descriptor), path]
    # Covered as well, because a kernel's own checks are all that keeps a writer out of it otherwise.
    options += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    options += ["--dev", "/dev", "--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm"]
    options += ["--remount-ro", "/dev", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"]
    for mount in binds:
        options += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    # Without it the empty root stays a writable memory file system without a bound.
    return [*options, "--chdir", WORKSPACE, "--remount-ro", "/"]


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _BESIDE_USR:
        beside = Path("/", name)
        if beside.is_symlink():
            yield from ("--symlink", str(beside.readlink()), str(beside))
        elif beside.is_dir():
            yield from ("--ro-bind", str(beside), str(beside))
    for name in _ETC:
        path = Path("/etc", name)
        if path.exists():
            yield from ("--ro-bind", str(path), str(path))
    for folder in sorted(Path("/etc").glob("java-*-openjdk")):
        yield from ("--ro-bind", str(folder), str(folder))


def limits(bounds: Bounds, ceilings: Mapping[str, int], *, grouped: bool = False) -> list[str]:
    """A command prefix that sets resource limits, run inside: only there does the number of
    processes count per sandbox and not per host user. `ceilings` are Honk's own hard limits,
    which cannot be exceeded. `grouped`: a control group bounds the memory of all of them together."""
    wanted = {
        "nproc": bounds.processes,
        "fsize": bounds.file_size,
        # Private writable memory of each process: unlike the address space, it lets programs that
        # reserve much and use little (Java, Node, Claude Code) run. Where a group bounds the sum, its
        # kill says why a command ended, which an allocation that fails somewhere inside does not.
        "data": _ANY_DATA if grouped else bounds.memory,
        "core": 0,
    }
    options = []
    for name, value in wanted.items():
        number = min(value, ceilings.get(name, value))
        options.append(f"--{name}={number}:{number}")
    return [PRLIMIT, *options, "--"]
