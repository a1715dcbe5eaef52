"""Every message and modal of the Slack door, with the worst words from outside: Slack takes it, none means a thing."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_samples import ASKER, ID, ORIGIN, Samples

from honk.domain.task import State
from honk.domain.text import visible
from honk.domain.verdict import Answer
from honk.doors.slack import modals
from honk.doors.slack import writing as w
from honk.doors.slack.announcing import announcements
from honk.doors.slack.card import EMOJI, Shown, card_of
from honk.testing.fake_slack.blocks import faults, too_long, view_faults
from partners.slack_schemas import check_message, check_view

#: what somebody would try, and what happens by accident
NASTY = [
    "",
    " ",
    "\x00\x1b[31m",
    "\ud800 alone",
    "\u202eevil\u2066",
    "<!channel> <!here|x> <@U0BEN> <#C0|x> <!subteam^S1>",
    "@channel @here @everyone",
    "<https://evil.example|honk.example> https://evil.example",
    "`code` ```more``` *bold* _soft_ ~gone~ snake_case_name",
    ":rotating_light: :+1: :skin-tone-2:",
    "&lt;!channel&gt; &amp;amp; &",
    "> quote\n# heading\n- **point**\n```\nopen",
    "|>< \\ %s {0} <!date^1^{date}|x>",
    "👩‍👩‍👧‍👦 日本語 עברית " * 40,
    "x" * 40_000,
    "<&>" * 14_000,
    "line\n" * 3_000,
    "* " * 5_000,
]
#: the door's own; anything else came from outside
SIGNS = {*EMOJI.values(), "warning", "grey_question", "hourglass", "x", "shrug", "raising_hand", "no_entry"} | {
    *("white_check_mark", "twisted_rightwards_arrows", "rocket", "rewind", "rotating_light")
}
_WORDS = {"text", "url", "value", "private_metadata", "initial_value"}
_OURS = re.compile(r"<https://(?:honk|forge)\.example/[^<>|\s]*\|([^<>]*)>")
_FENCES = re.compile(r"```\n((?:(?!```).)*)\n```", re.DOTALL)
_MEANS = re.compile(
    r"[<>*`~]|&(?!amp;|lt;|gt;)|(?<![^\W_])_|_(?![^\W_])|:(?:[\w+'-]*[^\W\d_][\w+'-]*|100|1234|[+-]1):|@(?:channel|here|everyone)\b",
    re.IGNORECASE,
)


def harmless(node: object) -> None:
    """Fails where words from outside could be a mention, a link, a format, an emoji, or hide others."""
    for one in _nodes(node):
        match one.get("type"):
            case "mrkdwn":
                assert one["verbatim"] is True
                plain(without_own_marks(one["text"]))
            case "plain_text":
                assert one["emoji"] is False and one["text"] == visible(one["text"]) != ""
            case "button":
                assert "url" not in one or one["url"].startswith(f"{ORIGIN}/")
            case "section":
                assert 0 < len(one["text"]["text"]) <= w.SECTION
            case str() as kind:
                assert not kind.startswith("rich_text") and kind not in {"usergroup", "broadcast", "markdown"}, one
    json.dumps(node, ensure_ascii=False).encode()


def without_own_marks(mrkdwn: str) -> str:
    """The same without what the door itself marks; each mark has to be whole, in one line."""
    rest = _FENCES.sub(lambda match: re.sub(r"[*~_:@]", "", match[1]), mrkdwn)
    rest = _OURS.sub(lambda match: match[1] or "", rest).replace(f"<@{ASKER}>", "")
    rest = re.sub(rf":(?:{'|'.join(map(re.escape, SIGNS))}):", "", rest)
    rest = re.sub(r"(?m)^> ", "", rest)
    for mark in ("`", "*"):
        rest = re.sub(rf"{re.escape(mark)}(?=\S)([^{re.escape(mark)}\n]*)(?<=\S){re.escape(mark)}", r"\1", rest)
    rest = re.sub(r"(?<![^\W_])_(?=\S)([^\n]*?)(?<=\S)_(?![^\W_])", r"\1", rest)
    return rest


def plain(mrkdwn: str) -> None:
    """Fails where anything but the door's own links has a meaning."""
    rest = _OURS.sub(lambda match: match[1] or "", mrkdwn)
    assert not (found := _MEANS.search(rest)), (found, rest[:300])
    assert rest == visible(rest)


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(one)


def message(shown: Shown) -> None:
    blocks = list(shown.blocks)
    assert faults(blocks) == [] and not too_long(blocks)
    known(json.dumps(_skeleton(blocks)))
    harmless(blocks)
    plain(shown.text)
    assert 0 < len(shown.text) <= w.MESSAGE


def view(made: dict[str, Any]) -> None:
    assert view_faults(made) == []
    known(json.dumps(_skeleton(made)))
    harmless(made)


@cache
def known(skeleton: str) -> None:
    """Checked against Slack's types once, as that takes a while: they say nothing about the words."""
    found = json.loads(skeleton)
    check_view(found) if isinstance(found, dict) else check_message(found)


def _skeleton(node: Any) -> Any:
    """The same without its words, and without what is there twice."""
    if isinstance(node, dict):
        return {key: "x" if key in _WORDS and isinstance(one, str) else _skeleton(one) for key, one in node.items()}
    if isinstance(node, list):
        different = {json.dumps(_skeleton(one)): None for one in node}
        return [json.loads(one) for one in different]
    return node


def every_message(given: Samples) -> None:
    card = given.card()
    message(card_of(card, given.thread(), doing=given.words()))
    for data in given.said():
        log = given.log(data)
        for one in announcements(log[-1:], log, card, given.thread(muted=True)):
            if one.shown is not None:
                message(one.shown)
            plain(one.comment)


def every_modal(given: Samples) -> None:
    for one in given.mergings():
        view(modals.merge(one))
        view(modals.review(one, [("Everything", f"{ORIGIN}/tasks/{ID}")]))
        view(modals.undo(one))
    view(modals.problem("Merge", given.words(), given.words()))
    view(modals.ask(given.words(), json.dumps({"id": "x"})))
    view(modals.branch(given.branch()))
    for made in (
        modals.loading("Merge"),
        modals.which("x"),
        modals.hand_over(ID, ["claude", "command"]),
        modals.code(),
    ):
        view(made)
    for move in ("change", "answer", "interrupt"):
        view(modals.words(move, ID, "Title", "Label", "a hint", "Send"))


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_card_that_slack_takes(state: State) -> None:
    for number, answer in enumerate(Answer):
        words = cycle(NASTY[number:] + NASTY[:number])
        made = Samples(words=lambda words=words: next(words), state=state, answer=answer, hint=number == 1)
        message(card_of(made.card(), made.thread(), doing=made.words()))


#: words that are long by themselves are many already
_LONG = frozenset({13, 14, 15, 16, 17})


@pytest.mark.parametrize(
    "nasty", [pytest.param(one, marks=pytest.mark.slow if one in _LONG else ()) for one in range(len(NASTY))]
)
def test_the_same_words_everywhere(nasty: int) -> None:
    """However many findings, files and choices there are."""
    for many in (0, 1, 100):
        given_ = Samples(words=lambda: NASTY[nasty], many=many, hint=many == 1, state=State.DEPLOYED)
        every_message(given_)
        every_modal(given_)


_HOSTILE = st.one_of(
    st.sampled_from(NASTY[:14]),
    st.text(st.characters(codec=None, categories=None), max_size=80),
    st.text("<>&|*_~`:@!#^ \nah", max_size=60),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_HOSTILE, min_size=20, max_size=60), st.sampled_from(State), st.sampled_from(Answer), st.booleans())
def test_any_words_mean_nothing(words: list[str], state: State, answer: Answer, hint: bool) -> None:
    given_ = cycle(words)
    made = Samples(words=lambda: next(given_), state=state, answer=answer, hint=hint)
    every_message(made)
    every_modal(made)


@settings(max_examples=300, deadline=None)
@given(_HOSTILE)
def test_escaped_words_mean_nothing(words: str) -> None:
    plain(w.escaped(words))
    plain(w.notice(words))
    plain(w.anchor(f"{ORIGIN}/{words}", words))
    for one in w.small(w.escaped(words * 30))["elements"]:
        plain(one["text"])


def test_what_nobody_sent_as_a_link_is_none() -> None:
    """The test can fail: each of these means something."""
    for means in ("<!channel>", "*b*", ":x:", "@here", "_i_", "`c`", "&lt", "<https://evil.example|x>"):
        with pytest.raises(AssertionError):
            plain(means)
