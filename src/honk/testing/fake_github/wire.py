"""One call of the API as its handlers see it, and what they answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlencode

from honk.testing.fake_github.records import Account, App, Installation, Issue, Json, Repo, Role, Token

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

DOCS = "https://docs.github.com/rest"
#: GitHub's largest page
LARGEST = 100
_Q: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


class Refused(Exception):
    """An answer that is an error; `errors` are GitHub's details."""

    def __init__(
        self, status: int, message: str, *, errors: Sequence[Any] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def body(self) -> Json:
        """As GitHub says it."""
        found: Json = {"message": self.message, "documentation_url": DOCS, "status": str(self.status)}
        if self.errors:
            found["errors"] = self.errors
        return found


def absent() -> Refused:
    return Refused(404, "Not Found")


def invalid(resource: str, name: str, code: str = "invalid", message: str = "") -> Refused:
    """422 about one field."""
    error = {"resource": resource, "field": name, "code": code}
    return Refused(422, "Validation Failed", errors=[{**error, **({"message": message} if message else {})}])


def malformed(message: str) -> Refused:
    """422 for a body that is not what the endpoint takes."""
    return Refused(422, f"Invalid request.\n\n{message}")


@dataclass
class Reply:
    """An answer; a `page` is cut and shaped by the server, under `key` where it is in an object."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    page: Sequence[Any] | None = None
    shape: Callable[[Any], Any] | None = None
    key: str = ""
    content: bytes | None = None


def paged(items: Sequence[Any], shape: Callable[[Any], Any], key: str = "") -> Reply:
    """A list in pages."""
    return Reply(page=items, shape=shape, key=key)


Kind = Literal["anonymous", "app", "installation", "user", "personal"]


@dataclass(frozen=True)
class Who:
    """Who calls."""

    kind: Kind
    account: Account | None = None
    app: App | None = None
    installation: Installation | None = None
    token: Token | None = None

    @property
    def person(self) -> Account:
        """Whoever acts. Refused where nobody does."""
        if self.account is None:
            raise Refused(401, "Requires authentication")
        return self.account

    @property
    def through(self) -> App | None:
        """The app that acts for itself or for a person."""
        return self.app if self.kind in ("installation", "user") else None


@dataclass
class Call:
    world: "World"
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    who: Who
    headers: Mapping[str, str]
    found: Repo | None = None

    @property
    def repo(self) -> Repo:
        """The repository of the path."""
        assert self.found is not None, self.path
        return self.found

    def number(self, name: str) -> int:
        """A whole number of the path. Refused as not found where it is none."""
        if not self.params[name].isdigit():
            raise absent()
        return int(self.params[name])

    def given(self, name: str, *kinds: type, needed: bool = False, otherwise: Any = None) -> Any:
        """A field of the body, of one of these types."""
        body = self.json()
        if name not in body or (body[name] is None and not needed):
            if needed:
                raise malformed(f'"{name}" wasn\'t supplied.')
            return otherwise
        value = body[name]
        wrong = isinstance(value, bool) and bool not in kinds
        if kinds and (wrong or not isinstance(value, kinds)):
            raise malformed(f"For 'properties/{name}', {value!r} is not a {_Q.get(kinds[0], kinds[0].__name__)}.")
        return value

    def text(self, name: str, *, needed: bool = False, otherwise: str = "") -> str:
        """A field that is text."""
        return cast(str, self.given(name, str, needed=needed, otherwise=otherwise))

    def names(self, name: str) -> list[str]:
        """A field that lists text."""
        found = self.given(name, list, otherwise=[])
        if not all(isinstance(one, str) for one in found):
            raise malformed(f"For 'properties/{name}', an item is not a string.")
        return cast(list[str], found)

    def choice(self, name: str, choices: Sequence[str], *, needed: bool = False, otherwise: str = "") -> str:
        """A field with one of these values."""
        value = self.text(name, needed=needed, otherwise=otherwise)
        if value and value not in choices:
            raise malformed(f"For 'properties/{name}', {value} is not a member of {list(choices)}.")
        return value

    def json(self) -> Json:
        """The body, which is an object. Refused with 400 where it is not."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refused(400, "Body should be a JSON object")
        return self.body

    def since(self) -> datetime | None:
        """The `since` of the query."""
        if "since" not in self.query:
            return None
        try:
            return datetime.fromisoformat(self.query["since"].replace("Z", "+00:00"))
        except ValueError:
            raise Refused(422, "Invalid since") from None

    def issue(self) -> Issue:
        """The issue or pull request of the path."""
        found = self.repo.issues.get(self.number("number"))
        if found is None:
            raise absent()
        return found

    def pull(self) -> Issue:
        """The pull request of the path."""
        found = self.issue()
        if found.pull is None:
            raise absent()
        return found


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method and path; what an app's installation needs ("checks:write", any of several), and what a person."""

    method: str
    pattern: str
    handler: Handler
    needs: tuple[str, ...] = ()
    role: Role = "read"
    #: only for "app" (a JWT), "installation", "user", or whoever has access to the repository
    only: tuple[Kind, ...] = ()
    #: whether it changes nothing although it is no GET
    harmless: bool = False
    #: an archived repository takes it nevertheless
    archived: bool = False

    def regex(self) -> re.Pattern[str]:
        """What paths it is for; a `{name*}` goes over slashes."""
        words = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", self.pattern)
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", words) + "$")

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.harmless


def cut(reply: Reply, query: Mapping[str, str], address: str) -> tuple[Any, dict[str, str]]:
    """One page of a reply, and its Link header."""
    items, shape = reply.page or [], reply.shape or (lambda one: one)
    size = min(max(_whole(query.get("per_page"), 30), 1), LARGEST)
    number = max(_whole(query.get("page"), 1), 1)
    last = max(1, -(-len(items) // size))
    shown = [shape(one) for one in items[(number - 1) * size : number * size]]

    def link(page: int, name: str) -> str:
        return f'<{address}?{urlencode({**query, "page": str(page)})}>; rel="{name}"'

    links = []
    if number > 1:
        links += [link(number - 1, "prev")]
    if number < last:
        links += [link(number + 1, "next"), link(last, "last")]
    if number > 1:
        links += [link(1, "first")]
    body = {"total_count": len(items), reply.key: shown} if reply.key else shown
    return body, {"Link": ", ".join(links)} if links else {}


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() else otherwise
