"""Files out of Slack: asked for with the bot's token, which goes to Slack alone and never in clear."""

from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from honk.doors.slack.trouble import SlackDown, SlackLacks, SlackRefused

#: hosts of Slack's own that hand out files
_FILES = (".slack.com", ".slack-files.com", ".slack-edge.com", ".slack-gov.com")
#: this machine, where nothing goes over a network
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_PATIENCE = aiohttp.ClientTimeout(total=600, sock_connect=10, sock_read=30)


async def download(session: aiohttp.ClientSession, url: str, to: Path, limit: int, *, slack: str, token: str) -> None:
    """Stores a file; `slack` is where the API is. Raises SlackLacks when the token may not, SlackRefused when it is
    larger or not Slack's, whatever the address in a message says.
    """
    if not is_slacks(url, slack):
        named = url.partition("://")[2].partition("/")[0][:100]
        raise SlackRefused("not_slack", f"{named} is no host of Slack's, or not over https: its file is not fetched")
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with session.get(url, headers=headers, allow_redirects=False, timeout=_PATIENCE) as answer:
            if answer.status >= 500:
                raise SlackDown(f"Slack's files answer with {answer.status}", "it is tried again")
            if answer.status != 200 or answer.content_type == "text/html":
                raise SlackLacks("Slack does not hand out the file", "add the scope files:read", "files:read")
            size = 0
            with to.open("wb") as file:
                async for chunk in answer.content.iter_chunked(1 << 16):
                    size += len(chunk)
                    if size > limit:
                        raise SlackRefused("too_large", f"the file is larger than {limit >> 20} MiB")
                    file.write(chunk)
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise SlackDown("Slack's files cannot be reached", "it is tried again") from exc


def is_slacks(url: str, slack: str) -> bool:
    """Whether it is an encrypted address of Slack's; on this machine, a plain one of the very server is as good."""
    try:
        there, api = urlsplit(url), urlsplit(slack)
        name = there.hostname or ""
    except ValueError:
        return False
    if there.scheme == "https":
        return there.netloc == api.netloc or name.endswith(_FILES)
    return there.scheme == "http" and there.netloc == api.netloc and name in _HERE
