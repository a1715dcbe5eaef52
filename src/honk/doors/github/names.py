"""Names that say where something came from: of messages, places and what is said."""

import hashlib
import json
import re
from dataclasses import asdict

from honk.domain.discussion import Hint, HintKind
from honk.domain.repository import Repository
from honk.domain.thread import Place
from honk.doors.github.backstage import DOOR

_MESSAGE = re.compile(rf"{DOOR}/((?:comment|line)/\d+)")
_REVIEW = re.compile(rf"{DOOR}/(?:review|bot)/(.+)")
_ISSUE = re.compile(rf"{DOOR}/issue/[^/]+/(\d+)(?:/[^/]*)?")
#: Reviews by bots are told apart, so that their turns can be counted.
BOT = f"{DOOR}/bot/"


def remark_message(remark: str) -> str:
    """The door's own id of what a remark says, such as "github/comment/12"."""
    return f"{DOOR}/{remark}"


def remark_of(message: str) -> str | None:
    """The remark whose message that is; None for one that came in another way."""
    match = _MESSAGE.fullmatch(message)
    return match[1] if match else None


def review_message(review: str, *, bot: bool) -> str:
    """The same for a review."""
    return f"{BOT if bot else f'{DOOR}/review/'}{review}"


def review_delivery(review: str) -> str:
    """The id of a hint that Honk gives itself: that the review is to be read."""
    return f"{DOOR}/found/review/{review}"


def rerun_message(delivery: str) -> str:
    """The same for a press of "Re-run", which has no id but that of its delivery."""
    return f"{DOOR}/rerun/{delivery}"


def review_of(message: str) -> str | None:
    """The review whose message that is."""
    match = _REVIEW.fullmatch(message)
    return match[1] if match else None


def names_of(review: str) -> str:
    """Under which the short names of a review's remarks are kept."""
    return f"{DOOR}/review/{review}"


def issue_message(repository: Repository, number: int, occasion: str = "") -> str:
    """The same for an issue as it was opened, or for the occasion on which it was labelled or assigned."""
    return f"{DOOR}/issue/{repository.key}/{number}" + (f"/{occasion}" if occasion else "")


def issue_of(message: str) -> int | None:
    """The number of the issue whose message that is."""
    match = _ISSUE.fullmatch(message)
    return int(match[1]) if match else None


def place_of(repository: Repository, number: int) -> Place:
    """One issue or pull request, however the repository is called by now."""
    return Place(door=DOOR, team="", channel=repository.key, root=str(number))


def packed(hint: Hint) -> str:
    """A hint as it is kept."""
    return json.dumps(asdict(hint))


def unpacked(body: str) -> Hint:
    """The hint again."""
    kept = json.loads(body)
    return Hint(kind=HintKind(kept["kind"]), repository=kept["repository"], number=kept["number"], id=kept["id"])


def lane_of(hint: Hint) -> str:
    """What is about the same thing is worked on in the order in which it came."""
    talk = hint.kind in {HintKind.REMARK, HintKind.REVIEW, HintKind.ISSUE, HintKind.LABELLED}
    about = str(hint.number) if talk else f"{hint.kind}/{hint.number or hint.id}"
    if hint.kind is HintKind.RERUN:
        about = f"{hint.kind}/{commit_of(hint)[0]}"
    if hint.kind is HintKind.QUEUE:
        about = f"{hint.kind}/{commit_of(hint)[1]}"
    return f"{hint.repository.lower()}/{about}"[:400]


def commit_of(hint: Hint) -> tuple[str, str]:
    """The commit of a hint that has one, and the branch or login that stands behind it."""
    commit, _, rest = hint.id.partition("/")
    return commit, rest


def digest_of(words: str) -> str:
    """The same for the same words."""
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:32]
