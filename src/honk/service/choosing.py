"""Which repository a message is about: chosen for a reason that can be shown, or in doubt; never guessed.

Only repositories that the person may use come in here, so nothing that is said here tells of others: one that
nobody listed and one that is somebody else's get the same words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.domain.address import canonical
from honk.service.repositories import Candidate

#: how many are shown to choose from
_SHOWN = 3
#: words of a name or alias; words of a description
_NAMED, _DESCRIBED = 3, 1
#: less than this is no match, and less than this ahead of the next one is a tie
_LEAST, _AHEAD = 3, 2
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})
_URL = re.compile(r"\b(?:https?|ssh|git)://[^\s<>|\"'`)\]]+|(?<![\w.-])git@[\w.-]+:[\w./~-]+", re.IGNORECASE)
_SHORT = re.compile(r"(?<![\w./@:-])(?P<path>[\w.-]+/[\w.-]+?)(?P<number>#\d+)?(?![\w/-]|\.\w)")
_TAKEN_UP = r"(?:in|on|for|of|to|into|against|at)"
#: "in the X repo", "repo: X", "X repository"
_SAID = re.compile(
    rf"\b{_TAKEN_UP}\s+(?:the\s+|our\s+|my\s+)?[`\"']?(?P<a>[\w][\w./-]*)[`\"']?\s+(?:git\s+)?repo(?:sitory)?\b"
    r"|\brepo(?:sitory)?\s*[:=]\s*[`\"']?(?P<b>[\w/~.][\w./-]*)",
    re.IGNORECASE,
)
#: what stands before "repo" and is no name
_POINTING = frozenset(
    re.findall(
        r"\w+",
        "this that the same our my your whole entire git every each any current local a an its right public private",
    )
)
_WORD = re.compile(r"[^\W_]+")
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "the and for with when from into that this not but are was has have had its add fix make new old use get set"
        " all please app repo repository code project crash bug test tests",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The repository, and why in words that go after it: "named in your message"."""

    repository: Candidate
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """Not to be guessed: the best three, and why in a sentence."""

    best: tuple[Candidate, ...]
    reason: str


@dataclass(frozen=True)
class _Found:
    """What the message names: surely, perhaps, and by an address or a name that is none of the candidates'."""

    surely: tuple[Candidate, ...]
    perhaps: tuple[Candidate, ...]
    strange: bool


def choose(
    text: str, candidates: Sequence[Candidate], *, channel: str | None = None, thread: str | None = None
) -> Chosen | Doubt:
    """The repository for the person's own words.

    `candidates` are those that the person may use; `channel` and `thread` are the addresses of the channel's own
    repository and of the thread's earlier task. An address in the words counts only when it is a candidate's.
    """
    ranked = _ranked(text, candidates)
    best = tuple(one for _, one in ranked)
    if not candidates:
        return Doubt(best=(), reason="there is no repository that you may use here")
    named = _named(text, candidates)
    if len(named.surely) == 1:
        return Chosen(repository=named.surely[0], reason="named in your message")
    if named.surely:
        return _doubt((*named.surely, *best), "your message names several repositories")
    if named.strange:
        return _doubt(best, "your message names a repository that is not among those that you may use here")
    return _by_place(candidates, named.perhaps, best, channel, thread) or _by_words(ranked, named.perhaps)


def _by_place(
    candidates: Sequence[Candidate],
    perhaps: tuple[Candidate, ...],
    best: tuple[Candidate, ...],
    channel: str | None,
    thread: str | None,
) -> Chosen | Doubt | None:
    for address, whose in ((thread, "this thread's"), (channel, "this channel's")):
        if address is None:
            continue
        place = next((one for one in candidates if _same(one.address, address)), None)
        if place is None:
            return _doubt((*perhaps, *best), f"{whose} repository is not among those that you may use")
        others = tuple(one for one in perhaps if one != place)
        if others:
            return _doubt((*others, place, *best), f"your message may mean another repository than {whose}")
        reason = "that of this thread's earlier task" if address is thread else "this channel's repository"
        return Chosen(repository=place, reason=reason)
    return None


def _by_words(ranked: list[tuple[int, Candidate]], perhaps: tuple[Candidate, ...]) -> Chosen | Doubt:
    best = tuple(one for _, one in ranked)
    if len(ranked) == 1:
        return Chosen(repository=best[0], reason="the only one that you may use")
    if len(perhaps) == 1:
        return Chosen(repository=perhaps[0], reason="named in your message")
    if perhaps:
        return _doubt((*perhaps, *best), "your message may mean several repositories")
    first, second = ranked[0][0], ranked[1][0]
    if first < _LEAST:
        return _doubt(best, "your message does not say in which repository")
    if first - second < _AHEAD:
        return _doubt(best, "several repositories fit your words")
    return Chosen(repository=best[0], reason="it fits your words best")


def _doubt(best: Sequence[Candidate], reason: str) -> Doubt:
    return Doubt(best=tuple(dict.fromkeys(best))[:_SHOWN], reason=reason)


# ── what is named ──────────────────────────────────────────────────────────────────────────────
def _named(text: str, candidates: Sequence[Candidate]) -> _Found:
    linked, strange = _linked(text, candidates)
    rest = _URL.sub(" ", text)
    surely: list[Candidate] = list(linked)
    perhaps: list[Candidate] = []
    for match in _SHORT.finditer(rest):
        fitting = [one for one in candidates if _tail(one) == match["path"].casefold()]
        surely += fitting
        strange |= bool(match["number"]) and not fitting
    surely += [one for one in candidates if one.address.startswith("/") and _stands(one.address, rest)]
    for one, sure in _called(rest, candidates):
        (surely if sure else perhaps).append(one)
    said = [match["a"] or match["b"] for match in _SAID.finditer(rest)]
    unknown = [one for one in said if one.casefold() not in _POINTING and not _known(one, candidates)]
    return _Found(
        surely=tuple(dict.fromkeys(surely)),
        perhaps=tuple(one for one in dict.fromkeys(perhaps) if one not in surely),
        strange=strange or bool(unknown),
    )


def _linked(text: str, candidates: Sequence[Candidate]) -> tuple[list[Candidate], bool]:
    """Whose repositories, files, issues and pull requests are linked; and whether one of no candidate is."""
    found, strange = [], False
    hosts = {(canonical(one.address) or "").partition("/")[0] for one in candidates} | _FORGES
    for match in _URL.finditer(text):
        # what comes after the repository does not count, and may be anything
        url = re.split(r"[?#%\\]", match[0])[0].rstrip(".,;:!")
        place = (canonical(url) or "").casefold()
        fitting = [
            one
            for one in candidates
            if (at := (canonical(one.address) or "").casefold()) and (place == at or place.startswith(f"{at}/"))
        ]
        # a repository may lie below another's path: the longer address is meant
        longest = max((len(one.address) for one in fitting), default=0)
        found += [one for one in fitting if len(one.address) == longest]
        host, _, path = (place or _plainly(url)).partition("/")
        repository = url.endswith(".git") or not url.lower().startswith("http") or (host in hosts and "/" in path)
        strange |= repository and not fitting
    return found, strange


def _plainly(url: str) -> str:
    """Host and path of what is no proper address of a repository."""
    return re.sub(r"^\w+://(?:[^/@]*@)?", "", url).casefold()


def _called(text: str, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, bool]]:
    """Who is called by name or alias, and whether that is sure; where two names overlap, the longer one counts."""
    spans: list[tuple[int, int, Candidate, str]] = []
    for one in candidates:
        for name in (one.name, *one.aliases):
            spans += [(match.start(), match.end(), one, name) for match in _whole(name).finditer(text)]
    for start, end, one, name in spans:
        if any(a <= start and end <= b and b - a > end - start for a, b, _, _ in spans):
            continue
        before, after = text[max(0, start - 24) : start], text[end : end + 16]
        sure = _surely(before, after, name)
        plainly = re.search(rf"\b{_TAKEN_UP}\s+[`\"']?$", before, re.IGNORECASE) and re.match(
            r"[`\"']?\s*(?:$|[.,;:!?\n])", after
        )
        if sure or plainly or _distinctive(name):
            yield one, sure


def _surely(before: str, after: str, name: str) -> bool:
    """Whether the words round a name say that it is a repository's."""
    if re.match(r"[`\"']?\s+(?:git\s+)?(?:repo|repository|codebase)\b", after, re.IGNORECASE):
        return True
    if re.search(r"\brepo(?:sitory)?\s*[:=]?\s*[`\"']?$", before, re.IGNORECASE):
        return True
    if not before.strip() and re.match(r"\s*:\s", after):
        return True
    into = re.search(rf"\b{_TAKEN_UP}\s+(?:the\s+)?(?P<quote>[`\"'])?$", before, re.IGNORECASE)
    return into is not None and (_distinctive(name) or (into["quote"] == "`" and after.startswith("`")))


def _distinctive(name: str) -> bool:
    """No word of everyday language: "music-player", "ios app", "web2"."""
    return bool(re.search(r"[-_.\d\s]", name.strip()))


def _whole(name: str) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(part) for part in name.split()) or r"(?!)"
    return re.compile(rf"(?<![\w/.-]){words}(?![\w/-]|\.\w)", re.IGNORECASE)


def _stands(address: str, text: str) -> bool:
    return re.search(rf"(?<![\w/.-]){re.escape(address)}(?![\w/-]|\.\w)", text) is not None


def _known(said: str, candidates: Sequence[Candidate]) -> bool:
    """Whether a word before "repo" belongs to a name, an alias or an address of a candidate."""
    words = said.casefold().strip("./-")
    return any(
        words in (_tail(one), one.address.casefold().strip("./-"))
        or any(words in (name.casefold(), *name.casefold().split()) for name in (one.name, *one.aliases))
        for one in candidates
    )


def _tail(one: Candidate) -> str:
    """`owner/name` of its address."""
    return "/".join((canonical(one.address) or one.address).casefold().split("/")[-2:])


def _same(one: str, other: str) -> bool:
    return one == other or ((place := canonical(one)) is not None and place == canonical(other))


# ── what fits ──────────────────────────────────────────────────────────────────────────────────
def _ranked(text: str, candidates: Sequence[Candidate]) -> list[tuple[int, Candidate]]:
    """By how well they fit the words; then as they came, the most recently used first."""
    said = _words(text)
    weights = [_weights(one) for one in candidates]
    everywhere = set.intersection(*(set(one) for one in weights)) if len(weights) > 1 else set()
    scores = [sum(weight for word, weight in one.items() if word in said - everywhere) for one in weights]
    order = sorted(range(len(candidates)), key=lambda at: -scores[at])
    return [(scores[at], candidates[at]) for at in order]


def _weights(one: Candidate) -> dict[str, int]:
    described = dict.fromkeys(_words(one.description), _DESCRIBED)
    return described | dict.fromkeys(_words(" ".join((one.name, *one.aliases)).replace("_", " ")), _NAMED)


def _words(text: str) -> set[str]:
    found = {word.casefold() for word in _WORD.findall(text)}
    return {word.removesuffix("s") if len(word) > 3 else word for word in found - _EMPTY if len(word) > 2}
