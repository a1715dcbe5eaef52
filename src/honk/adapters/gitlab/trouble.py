"""What python-gitlab and requests raise → errors that say who must act."""

from typing import Any

import requests
from gitlab.exceptions import GitlabError, RedirectError

from honk.domain.text import one_line, shortened, visible
from honk.errors import ForgeRefused, HonkError, Unreachable

_TOKEN = "put a token that is valid into GITLAB_TOKEN, with the scope api and at least the role Developer"


class GitlabRefused(ForgeRefused):
    """GitLab answered no. `status` is that of HTTP, `said` GitLab's own words."""

    def __init__(self, status: int, said: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (status, said, message, remedy)
        self.status = status
        self.said = said


class Absent(GitlabRefused):
    """There is no such thing, or the token may not see it: GitLab does not say which."""


class RateLimited(Unreachable):
    """GitLab wants fewer requests for longer than is worth waiting for."""


def rate_limited(host: str, seconds: str) -> RateLimited:
    """`seconds` are those of the header Retry-After, where there is one."""
    when = f"for {seconds} seconds" if seconds.isdigit() else "for now"
    return RateLimited(f"{host} takes no more requests from Honk {when}", "it is tried again by itself")


def translated(error: Exception, host: str, act: str) -> HonkError:
    """`act` says what was asked for, such as "merge !12". Raises what is nobody's answer."""
    if isinstance(error, requests.RequestException):
        return Unreachable(f"{host} did not answer when asked to {act} ({type(error).__name__})")
    if isinstance(error, RedirectError):
        remedy = "correct url below [gitlab] of honk.toml, or the address of the repository"
        return GitlabRefused(301, "moved", f"{host} sends the request to {act} elsewhere", remedy)
    if not isinstance(error, GitlabError):
        raise error
    status, said = error.response_code or 0, words(error.error_message)
    if status >= 500 or status == 0:
        return Unreachable(f"{host} is in trouble ({status or 'no JSON'}): it did not {act}")
    if status == 429:
        return rate_limited(host, "")
    if status in {404, 410}:
        return Absent(status, said, f"{host} has nothing there, or does not show it to Honk: {act}", _TOKEN)
    if status == 401:
        return GitlabRefused(status, said, f"{host} did not let Honk {act}: {said}", _TOKEN)
    if status == 403:
        remedy = "give Honk's token the scope api, and its user the role Developer or Maintainer in the project"
        return GitlabRefused(status, said, f"{host} did not let Honk {act}: {said}", remedy)
    return GitlabRefused(status, said, f"{host} did not {act}: {said}")


def words(said: Any) -> str:
    """GitLab's messages are texts, lists, or lists below the names of fields."""
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    if isinstance(said, dict):
        said = "; ".join(f"{name} {words(one)}" for name, one in said.items())
    elif isinstance(said, list | tuple):
        said = "; ".join(words(one) for one in said)
    return shortened(visible(one_line(str(said))), 300) or "it gave no reason"
