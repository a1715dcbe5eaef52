"""The words for language models, as files beside this one; `render` fills them, `fence` guards them."""

import re
from importlib import resources

from honk.domain.text import Untrusted

_FIELD = re.compile(r"\{\{ (\w+) \}\}")


def render(name: str, **fields: str) -> str:
    """The text of `<name>.md` with every `{{ field }}` filled. Raises KeyError for a missing field."""
    text = resources.files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
    return _FIELD.sub(lambda match: fields[match[1]], text).strip() + "\n"


def fence(untrusted: Untrusted, *, name: str) -> str:
    """Untrusted words between markers that they cannot close themselves."""
    inner = re.sub(rf"</?\s*{re.escape(name)}\b", lambda m: m[0].replace("<", "‹"), untrusted.text, flags=re.IGNORECASE)
    return f"<{name}>\n{inner}\n</{name}>"
