"""What a request to the Messages API asks for, as far as the broker must know it."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from honk.adapters.broker.wire import Refused

#: commas and brackets in a request. A real one has a fraction; a body made of nothing else would keep the event loop
#: busy for seconds
STRUCTURE_LIMIT = 1_000_000
#: tools that the model's server would run itself, and that reach other hosts
_REACHING = ("web_search", "web_fetch", "code_execution", "mcp_toolset")


class _Tool(BaseModel):
    type: str | None = None


class _Body(BaseModel):
    """Of a request; other fields pass unseen."""

    model: str = Field(max_length=200)
    max_tokens: int = Field(default=0, ge=0)
    messages: list[object] = Field(default=[])
    tools: list[_Tool] | None = None
    mcp_servers: list[object] | None = None

    def reaching(self) -> str:
        if self.mcp_servers:
            return "mcp_servers"
        for tool in self.tools or ():
            if tool.type is not None and tool.type.startswith(_REACHING):
                return tool.type
        return "content by URL" if _by_url(self.messages) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request of `/v1/messages` or `/v1/messages/count_tokens`."""

    model: str
    max_tokens: int
    #: what in the request would have the model's server contact hosts of the sandbox's choice, which would be a way
    #: around the list of allowed hosts; or ""
    reaching: str


def _by_url(messages: list[object]) -> bool:
    """Whether an image or a document is to be fetched. The input of a tool is no content: it may look like one."""
    parts: list[object] = [messages]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts.extend(part)
        elif isinstance(part, dict):
            if part.get("type") == "url":
                return True
            parts += [part.get("source"), part.get("content")]
    return False


def read(body: bytes) -> Asked:
    """Raises Refused when it is no request of the Messages API."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > STRUCTURE_LIMIT:
        raise Refused(413, "The request has too many parts.")
    try:
        asked = _Body.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        words = f"{where}: {first['msg']}" if where else first["msg"]
        raise Refused(400, f"This is not a request of the Messages API: {words}") from exc
    return Asked(model=asked.model, max_tokens=asked.max_tokens, reaching=asked.reaching())
