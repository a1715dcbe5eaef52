"""What git says on standard error (in the C locale) → an error that says who must act.

The sentences are those of git 2.30 to 2.50, of libcurl and of OpenSSH; the order matters, since a
general sentence often follows a particular one.
"""

import re

from honk.adapters.git.runner import GitFailed
from honk.domain.repository import Repository
from honk.errors import DiskFull, HonkError, RepositoryUnusable, Unreachable

_HOST_KEY = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED", re.I)
_CERTIFICATE = re.compile(r"certificate|SSL routines|unable to get local issuer", re.I)
_ROUTE = re.compile(
    r"Could not resolve (host|proxy)|Name or service not known|Temporary failure in name resolution"
    r"|Failed to connect|Connection (refused|reset|timed out)|Network is unreachable|No route to host"
    r"|Couldn't connect|unable to connect|timed? ?out|Operation too slow|early EOF|RPC failed"
    r"|unexpected disconnect|hung up unexpectedly|returned error: (5\d\d|429)|Connection closed by|kex_exchange",
    re.I,
)
_RIGHTS = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied"
    r"|returned error: (401|403)|access denied|not authorized|Invalid username or password|insufficient permission",
    re.I,
)
_ABSENT = re.compile(
    r"does not appear to be a git repository|repository .*not found|not found|does not exist|returned error: 404"
    r"|no such (file|repository)|not a git repository|project you were looking for",
    re.I,
)
_PROTOCOL = re.compile(r"transport '.*' not allowed|unable to find remote helper", re.I)
_FULL = re.compile(r"No space left on device|Disk quota exceeded", re.I)


def translated(failure: GitFailed, repository: Repository, *, act: str = "read", own: bool = False) -> HonkError:
    """What a failed call of the remote means.

    `own` says that git showed a credential of Honk's own, so that the operator's are not the remedy.
    """
    said = _last(failure.complaint)
    url = repository.url
    text = failure.complaint
    if failure.code is None:
        return Unreachable(f"{url} did not answer in time", "check the network, then run `honk retry`")
    if _FULL.search(text):
        return DiskFull(f"no space to {act} {url}: {said}", "free some disk space (`honk gc` helps)")
    if _PROTOCOL.search(text):
        return RepositoryUnusable(f"{url}: {said}", "use a local path, https:// or ssh://")
    if _HOST_KEY.search(text):
        return RepositoryUnusable(
            f"the host key of {url} is not known or has changed", "connect once with ssh to check and accept it"
        )
    if _ROUTE.search(text):
        return Unreachable(f"{url} cannot be reached: {said}", "check the address and the network, then try again")
    if _CERTIFICATE.search(text):
        return RepositoryUnusable(
            f"the certificate of {url} was not accepted: {said}", "set http.sslCAInfo in git's configuration"
        )
    if _RIGHTS.search(text):
        return RepositoryUnusable(f"no right to {act} {url}: {said}", _access(url, own=own))
    if _ABSENT.search(text):
        return RepositoryUnusable(f"there is no git repository at {url}", "check the path or address")
    return RepositoryUnusable(f"git cannot read {url}: {said}", f"try `git ls-remote {url}`")


def _access(url: str, *, own: bool) -> str:
    if own:
        return "look at what Honk's own access to that repository covers: its App's installation, or its token"
    return f"make `git ls-remote {url}` work without a question: a credential helper, an ssh key, or file permissions"


def _last(complaint: str) -> str:
    """The line that says most: the first fatal one, or else the last."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
    line = (marked or lines or ["no reason given"])[0]
    return re.sub(r"^(fatal|error|remote): ", "", line)[:300]
