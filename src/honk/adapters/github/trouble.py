"""What GitHub refuses → an error that says who must act."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from honk.domain.text import shortened, visible
from honk.errors import Busy, ForgeRefused

_INTEGRATION = "not accessible by"
_ALLOW_LIST = re.compile(r"IP allow list|IP address is not permitted", re.I)
_SUSPENDED = re.compile(r"installation has been suspended", re.I)
_ARCHIVED = re.compile(r"archived", re.I)
_LONGEST = 400


class GithubRefused(ForgeRefused):
    """GitHub said no: `status`, its own message `said`, and the messages of its `errors`."""

    def __init__(self, status: int, said: str, errors: tuple[str, ...], message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (status, said, errors, message, remedy)
        self.status = status
        self.said = said
        self.errors = errors


class Absent(GithubRefused):
    """There is no such thing, or it is not shown to Honk."""


class NotGranted(GithubRefused):
    """The GitHub App lacks a permission, so Honk did not even ask. `said` names it, such as "contents: write"."""


class RateLimited(Busy):
    """GitHub's limit is used up until then."""


def words(body: Any) -> tuple[str, tuple[str, ...]]:
    """GitHub's message and the messages of its errors, for people: one line each, of bearable length.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    if not isinstance(body, dict):
        return "", ()
    errors = body.get("errors")
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    said = body.get("message")
    return _line(said) if isinstance(said, str) else "", tuple(_error(one) for one in listed[:10])


def refused(
    act: str, status: int, body: Any, headers: Mapping[str, str], *, whose: str = "", web_url: str = ""
) -> GithubRefused:
    """The error for an answer that is neither success nor a limit nor the server's own trouble.

    `act` is such as "GET /repos/acme/app"; `whose` names the repository or "".
    """
    said, errors = words(body)
    where = f" for {whose}" if whose else ""
    message = f"GitHub refused {act}{where} ({status}): {_sentence(said, errors)}"
    remedy = _remedy(status, said, headers, web_url)
    if status in {404, 410}:
        text = f"GitHub has nothing at {act.partition(' ')[2] or act}{where}, or does not show it to Honk"
        return Absent(status, said, errors, text, remedy or "check the name, and that Honk's access covers it")
    return GithubRefused(status, said, errors, message, remedy)


def graphql_refused(body: Mapping[str, Any], *, whose: str = "") -> GithubRefused:
    """The error for an answer of GraphQL with errors, or without data.

    https://docs.github.com/en/graphql/guides/using-graphql-clients and its errors' `type`.
    """
    listed = body.get("errors")
    errors = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    said = tuple(_line(str(one.get("message", ""))) for one in errors[:10])
    kinds = {str(one.get("type", "")) for one in errors}
    where = f" for {whose}" if whose else ""
    text = "; ".join(one for one in said if one) or "it answered without data"
    if "NOT_FOUND" in kinds:
        message = f"GitHub has no such thing{where}: {text}"
        return Absent(404, text, said, message, "check the name, and that Honk's access covers it")
    remedy = _remedy(403, text, {}, "") if "FORBIDDEN" in kinds or _INTEGRATION in text.lower() else ""
    return GithubRefused(
        403 if remedy or "FORBIDDEN" in kinds else 200, text, said, f"GitHub refused{where}: {text}", remedy
    )


def needed(headers: Mapping[str, str]) -> str:
    """The permissions that would do, as `x-accepted-github-permissions` lists them; "" where it is not said.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#resource-not-accessible
    """
    text = headers.get("x-accepted-github-permissions", "")
    choices = [", ".join(one.strip().replace("=", ": ") for one in some.split(",")) for some in text.split(";")]
    return _line(" or ".join(one for one in choices if one))


def _remedy(status: int, said: str, headers: Mapping[str, str], web_url: str) -> str:
    """What to do, by https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api."""
    if link := _sso(headers, web_url):
        return link
    if _ALLOW_LIST.search(said):
        return "add the address of Honk's machine to the IP allow list of the organisation or enterprise"
    if _SUSPENDED.search(said):
        return "an owner of the account can unsuspend the GitHub App in its installation settings"
    if status == 403 and _INTEGRATION in said.lower():
        missing = needed(headers)
        named = f"the permission {missing}" if missing else "the permission that this needs"
        return f"give Honk's GitHub App or token {named}, and accept the change where the App is installed"
    if status == 403 and _ARCHIVED.search(said):
        return "unarchive the repository in its settings, or work in another one"
    if status == 401:
        return "the token or key was not accepted: check that it is whole, not expired and not revoked"
    if status == 403 and (missing := needed(headers)):
        return f"it needs the permission {missing}"
    return ""


def _sso(headers: Mapping[str, str], web_url: str) -> str:
    """`X-GitHub-SSO: required; url=…`; only a link to GitHub itself is shown."""
    header = headers.get("x-github-sso", "")
    if not header:
        return ""
    found = re.search(r"url=(\S+)", header)
    if found:
        link = found[1].rstrip(";")
        try:
            ours = urlsplit(link)[:2] == urlsplit(web_url)[:2] or not web_url
        except ValueError:
            ours = False
        if ours and link.startswith("https://"):
            return f"the organisation requires single sign-on: authorize this access at {link[:300]}"
    return "the organisation requires single sign-on: authorize Honk's token for it in your GitHub settings"


def _sentence(said: str, errors: tuple[str, ...]) -> str:
    more = "; ".join(one for one in errors if one and one not in said)
    return f"{said} ({more})" if said and more else said or more or "no reason given"


def _error(one: Any) -> str:
    if isinstance(one, dict):
        if one.get("message"):
            return _line(str(one["message"]))
        return _line(" ".join(str(one[part]) for part in ("resource", "field", "code") if one.get(part)))
    return _line(str(one))


def _line(text: str) -> str:
    return shortened(visible(text), _LONGEST)
