"""The system call filter of every sandbox: classic BPF, assembled without a library.

Numbers are those of the kernel's unistd.h for x86_64 and of asm-generic/unistd.h for aarch64; a
test compares them with the headers where these are installed. Refused is what reaches kernel code
that no build or test needs and that was the way out of sandboxes before: tracing, mounting, new
namespaces, key rings, BPF, io_uring, file handles, and every address family but unix, internet and
netlink (vsock, for one, ignores network namespaces and reaches a virtual machine's host).
"""

import errno
import struct
from dataclasses import dataclass
from functools import cache

from honk.errors import SandboxUnusable

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000

#: offsets in struct seccomp_data; arguments are read as their lower 32 bits, as the kernel does for
#: these calls (comparing all 64 was CVE-2019-10063)
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
#: both put characters into another terminal's input
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
#: AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
_FAMILIES = (1, 2, 10, 16)
#: system calls of the x32 ABI carry this bit
_X32 = 0x40000000


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    #: AUDIT_ARCH_… of linux/audit.h
    audit: int
    clone: int
    clone3: int
    ioctl: int
    socket: int
    refused: dict[str, int]


#: The same number everywhere (calls since Linux 5.1).
_COMMON = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "open_tree_attr": 467,
}

ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        clone=56,
        clone3=435,
        ioctl=16,
        socket=41,
        refused=_COMMON
        | {
            "ptrace": 101,
            "syslog": 103,
            "uselib": 134,
            "ustat": 136,
            "sysfs": 139,
            "vhangup": 153,
            "modify_ldt": 154,
            "pivot_root": 155,
            "chroot": 161,
            "acct": 163,
            "mount": 165,
            "umount2": 166,
            "swapon": 167,
            "swapoff": 168,
            "reboot": 169,
            "iopl": 172,
            "ioperm": 173,
            "init_module": 175,
            "delete_module": 176,
            "quotactl": 179,
            "lookup_dcookie": 212,
            "kexec_load": 246,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "migrate_pages": 256,
            "unshare": 272,
            "move_pages": 279,
            "perf_event_open": 298,
            "fanotify_init": 300,
            "name_to_handle_at": 303,
            "open_by_handle_at": 304,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "kcmp": 312,
            "finit_module": 313,
            "kexec_file_load": 320,
            "bpf": 321,
            "userfaultfd": 323,
        },
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        clone=220,
        clone3=435,
        ioctl=29,
        socket=198,
        refused=_COMMON
        | {
            "lookup_dcookie": 18,
            "umount2": 39,
            "mount": 40,
            "pivot_root": 41,
            "chroot": 51,
            "vhangup": 58,
            "quotactl": 60,
            "acct": 89,
            "unshare": 97,
            "kexec_load": 104,
            "init_module": 105,
            "delete_module": 106,
            "syslog": 116,
            "ptrace": 117,
            "reboot": 142,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "swapon": 224,
            "swapoff": 225,
            "migrate_pages": 238,
            "move_pages": 239,
            "perf_event_open": 241,
            "fanotify_init": 262,
            "name_to_handle_at": 264,
            "open_by_handle_at": 265,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "kcmp": 272,
            "finit_module": 273,
            "bpf": 280,
            "userfaultfd": 282,
            "kexec_file_load": 294,
        },
    ),
}


@cache
def filter_program(machine: str) -> bytes:
    """The filter for `machine` (as `os.uname` names it), as an array of struct sock_filter.

    Refused calls answer EPERM; `clone3` answers ENOSYS, upon which C libraries use `clone`, whose
    flags a filter can read; other address families answer EAFNOSUPPORT; calls of another
    architecture (32-bit programs, x32) answer ENOSYS. Raises SandboxUnusable for other machines.
    """
    known = ARCHITECTURES.get(machine)
    if known is None:
        raise SandboxUnusable(
            f"There is no system call filter for {machine} processors.",
            f"Run Honk on one of: {', '.join(ARCHITECTURES)}.",
        )
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        *_unless(_JUMP_EQUAL, known.audit, errno.ENOSYS),
        _line(_LOAD, _NUMBER),
        *_when(_JUMP_AT_LEAST, _X32, errno.ENOSYS),
        *_when(_JUMP_EQUAL, known.clone3, errno.ENOSYS),
    ]
    for number in sorted(known.refused.values()):
        lines += _when(_JUMP_EQUAL, number, errno.EPERM)
    lines += _arguments(known.clone, _FIRST, _when(_JUMP_ANY_BIT, _NEW_NAMESPACES, errno.EPERM))
    terminal = _when(_JUMP_EQUAL, _TIOCSTI, errno.EPERM) + _when(_JUMP_EQUAL, _TIOCLINUX, errno.EPERM)
    lines += _arguments(known.ioctl, _SECOND, terminal)
    families = [_line(_JUMP_EQUAL, family, yes=len(_FAMILIES) - index) for index, family in enumerate(_FAMILIES)]
    lines += _arguments(known.socket, _FIRST, [*families, _refusal(errno.EAFNOSUPPORT)])
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refusal(error: int) -> bytes:
    return _line(_RETURN, _ERRNO | error)


def _when(jump: int, value: int, error: int) -> list[bytes]:
    return [_line(jump, value, no=1), _refusal(error)]


def _unless(jump: int, value: int, error: int) -> list[bytes]:
    return [_line(jump, value, yes=1), _refusal(error)]


def _arguments(number: int, offset: int, checks: list[bytes]) -> list[bytes]:
    """Runs `checks` on one argument of one system call, then allows it."""
    body = [_line(_LOAD, offset), *checks, _line(_RETURN, _ALLOW)]
    return [_line(_JUMP_EQUAL, number, no=len(body)), *body]
