"""What a message asks for: which repository, and which options in words. Never guessed, and no word lost."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.service.choosing import Chosen, Doubt, choose
from honk.service.repositories import Candidate
from honk.service.wishes import Wishes, wishes

PLAYER = Candidate(
    name="music-player",
    address="https://github.com/acme/music-player",
    aliases=("player", "ios app"),
    description="The app for phones: playlists, playback, downloads",
)
WEB = Candidate(name="web", address="git@github.com:acme/web.git", description="The site: landing page and accounts")
TOOLS = Candidate(name="tools", address="/srv/git/tools", description="Scripts of the release engineers")
ALL = (PLAYER, WEB, TOOLS)
OF = {"player": PLAYER, "web": WEB, "tools": TOOLS}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fix the crash in https://github.com/acme/music-player", "player"),
        ("fix <https://github.com/acme/music-player/issues/12|the crash>", "player"),
        ("fix https://github.com/acme/music-player/issues/12.", "player"),
        ("see https://github.com/Acme/Music-Player/blob/main/src/a%20b.js?plain=1#L3", "player"),
        ("fix https://github.com/acme/web/pull/3", "web"),
        ("fix git@github.com:acme/web.git please", "web"),
        ("ssh://git@github.com/acme/web.git: fix the footer", "web"),
        ("acme/web: fix the footer", "web"),
        ("fix acme/music-player#12", "player"),
        ("fix the crash in the player repo", "player"),
        ("fix the crash in `music-player`", "player"),
        ("fix the crash in music-player when empty", "player"),
        ("fix the ios app repo", "player"),
        ("Web: the footer is wrong", "web"),
        ("repo: web\nfix the footer", "web"),
        ("in the web repository, fix the footer", "web"),
        ("in /srv/git/tools fix the script", "tools"),
        ("in the player repo, work as web does", "player"),
    ],
)
def test_a_named_repository_is_chosen_whatever_the_place(text: str, wanted: str) -> None:
    for place in (None, TOOLS.address, WEB.address):
        found = choose(text, ALL, channel=place, thread=place)
        assert found == Chosen(repository=OF[wanted], reason="named in your message")


@pytest.mark.parametrize(
    "text",
    [
        "fix https://github.com/acme/secret/issues/3",
        "fix https://github.com/acme/music-player-secret",
        "fix https://github.com/acme/music-player@evil.example/x",
        "fix https://evil.example/x.git",
        "fix ssh://git@10.0.0.1/x",
        "fix git@evil.example:acme/web",
        "fix acme/secret#4",
        "in the secret repo, fix the footer",
        "repo: /etc/passwd",
        "repository: acme/secret",
    ],
)
def test_a_strange_repository_is_in_doubt_and_nothing_is_said_of_it(text: str) -> None:
    for candidates in (ALL, (WEB,)):
        found = choose(text, candidates, channel=WEB.address, thread=WEB.address)
        assert isinstance(found, Doubt)
        assert found.reason == "your message names a repository that is not among those that you may use here"
        assert set(found.best) == set(candidates)


def test_the_place_decides_where_nothing_is_named() -> None:
    text = "fix the footer, see https://docs.python.org/3/library and src/main.py"
    found = choose(text, ALL, channel=WEB.address, thread=TOOLS.address)
    assert found == Chosen(repository=TOOLS, reason="that of this thread's earlier task")
    # whichever way git reaches it
    found = choose("the player shows no playlists", ALL, channel="https://github.com/acme/web")
    assert found == Chosen(repository=WEB, reason="this channel's repository")


@pytest.mark.parametrize("text", ["fix the crash in player", "bump music-player", "for web: fix it"])
def test_what_may_be_a_name_is_not_guessed_against_the_place(text: str) -> None:
    found = choose(text, ALL, channel=TOOLS.address)
    assert isinstance(found, Doubt) and found.best[1] == TOOLS
    assert found.reason == "your message may mean another repository than this channel's"
    found = choose(text, ALL)
    assert isinstance(found, Chosen) and found.reason == "named in your message"


def test_a_place_that_the_person_may_not_use_is_in_doubt() -> None:
    found = choose("fix the playlists", ALL, channel="https://github.com/acme/secret")
    assert isinstance(found, Doubt) and "channel" in found.reason and found.best[0] == PLAYER
    assert isinstance(choose("fix it", (), channel=WEB.address), Doubt)


@pytest.mark.parametrize(
    ("text", "wanted", "reason"),
    [
        ("the player crashes when a playlist is empty", PLAYER, "it fits your words best"),
        ("the web page of accounts is broken", WEB, "it fits your words best"),
    ],
)
def test_the_best_match_is_chosen_where_it_is_clear(text: str, wanted: Candidate, reason: str) -> None:
    assert choose(text, ALL) == Chosen(repository=wanted, reason=reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fix the crash", "your message does not say in which repository"),
        ("playlists are broken", "your message does not say in which repository"),
        ("the web player is broken", "several repositories fit your words"),
        ("copy it from acme/web to acme/music-player", "your message names several repositories"),
    ],
)
def test_a_tie_or_a_weak_match_is_in_doubt(text: str, reason: str) -> None:
    found = choose(text, ALL)
    assert isinstance(found, Doubt) and found.reason == reason and len(found.best) == 3
    assert choose(text, tuple(reversed(ALL))).reason == reason


def test_the_only_one_is_chosen_unless_another_is_named() -> None:
    assert choose("fix it", (WEB,)) == Chosen(repository=WEB, reason="the only one that you may use")
    assert isinstance(choose("fix it in the player repo", (WEB,)), Doubt)


def test_of_two_of_one_name_none_is_guessed() -> None:
    other = replace(WEB, address="https://gitlab.com/other/web")
    found = choose("in the web repo, fix it", (WEB, other, TOOLS))
    assert isinstance(found, Doubt) and set(found.best[:2]) == {WEB, other}
    assert choose("in other/web, fix it", (WEB, other)) == Chosen(repository=other, reason="named in your message")


def test_the_longer_name_counts() -> None:
    ui = Candidate(name="music-player-ui", address="https://github.com/acme/music-player-ui", aliases=("player ui",))
    for text in (
        "fix music-player-ui",
        "in the player ui repo, fix it",
        "https://github.com/acme/music-player-ui/pull/1",
    ):
        found = choose(text, (PLAYER, ui))
        assert isinstance(found, Chosen) and found.repository == ui


PARTS = st.sampled_from(
    (
        *("in the", "repo", "player", "web", "`", "acme/web", "https://github.com/acme/", "secret", "#1", ":", "\n"),
        *("ios app", "/srv/git/tools", "on", ",", "use opus", "no build", "plan first", "(", ")", "on branch"),
        *("release/8", "$3", "now:"),
    )
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PARTS, max_size=12).map(" ".join))


@given(TEXTS, st.lists(st.sampled_from(ALL), unique=True), st.sampled_from([None, WEB.address, "/etc"]))
def test_no_repository_is_invented(text: str, candidates: list[Candidate], place: str | None) -> None:
    found = choose(text, candidates, channel=place)
    shown = (found.repository,) if isinstance(found, Chosen) else found.best
    assert set(shown) <= set(candidates) and found.reason
    assert choose(text, candidates, channel=place) == found


# ── options in words ───────────────────────────────────────────────────────────────────────────
SAID = {
    "on branch release/8": Wishes(base="release/8"),
    "from release/8": Wishes(base="release/8"),
    "on the release/8 branch": Wishes(base="release/8"),
    "on branch `prediction`": Wishes(base="prediction"),
    "on main": Wishes(base="main"),
    "branch: topic": Wishes(base="topic"),
    "plan first": Wishes(plan=True),
    "make a plan first": Wishes(plan=True),
    "no plan": Wishes(plan=False),
    "use opus": Wishes(model="opus"),
    "use Sonnet": Wishes(model="sonnet"),
    "with haiku": Wishes(model="haiku"),
    "use claude-opus-4-1-20250805": Wishes(model="claude-opus-4-1-20250805"),
    "model: opus": Wishes(model="opus"),
    "use the command agent": Wishes(agent="command"),
    "no build": Wishes(build=False),
    "with a build": Wishes(build=True),
    "merge when green": Wishes(merge=True),
    "merge it by itself": Wishes(merge=True),
    "don't merge": Wishes(merge=False),
    "at most $3": Wishes(limit_usd=3.0),
    "budget 3 dollars": Wishes(limit_usd=3.0),
    "$2.50 at most": Wishes(limit_usd=2.5),
    "10 minutes at most": Wishes(limit_seconds=600.0),
    "at most 1.5 hours": Wishes(limit_seconds=5400.0),
}


def bare(found: Wishes) -> Wishes:
    return replace(found, instruction="", understood=())


@pytest.mark.parametrize("option", SAID)
@pytest.mark.parametrize(
    "form",
    (
        *(
            "fix it, {}",
            "fix it; {}.",
            "fix it\n{}",
            "fix it ({})",
            "fix it - {}",
            "fix it, please {}",
            "fix it, and {}",
        ),
        *("{}, fix it", "{}: fix it", "{}\nfix it"),
    ),
)
def test_an_option_is_taken_at_either_end(option: str, form: str) -> None:
    found = wishes(form.format(option))
    assert (found.instruction, bare(found)) == ("fix it", SAID[option])
    assert len(found.understood) == 1


@pytest.mark.parametrize(
    "text",
    [
        "use opus codec for audio",
        "encode the audio again, use opus",
        "write a poem about it, with haiku",
        "write an article on branch prediction",
        "explain how CPUs guess, on branch prediction",
        "move the settings, from config/old",
        "raise the timeout, at most 10 minutes",
        "discount the cart, at most $3",
        "charge it, at most $1,000",
        "fix the call plan(no build)",
        "fix `it (no build)` here",
        "fix it:\n```\nplan first",
        "say that no build failed",
        "fix it, no build of mine works",
        "fix it, on branch ../../etc",
        "fix it, on branch -f",
        "fix it, at most $0",
        "first no build, then fix it",
        "> plan first\n> no build",
    ],
)
def test_what_may_be_the_matter_itself_stays(text: str) -> None:
    assert wishes(text) == Wishes(instruction=text)


def test_many_options_are_told_in_the_order_of_the_message() -> None:
    found = wishes("fix the crash, on branch release/8, plan first, use opus, no build")
    assert found == Wishes(
        instruction="fix the crash",
        base="release/8",
        plan=True,
        model="opus",
        build=False,
        understood=("from branch release/8", "a plan first", "model opus", "no build"),
    )
    assert bare(wishes("plan first and use opus: fix it. Merge when green.")) == Wishes(
        plan=True, model="opus", merge=True
    )


def test_options_that_contradict_each_other_do_not_both_count() -> None:
    found = wishes("fix it, plan first, no plan")
    assert (found.plan, found.instruction) == (False, "fix it, plan first")


def test_a_message_of_options_alone_has_no_instruction() -> None:
    assert wishes("plan first, no build").instruction == ""


def test_only_a_reply_interrupts() -> None:
    found = wishes("now: not that file, no build", reply=True)
    assert (found.interrupt, found.instruction, found.build) == (True, "not that file", False)
    assert wishes("now: not that file") == Wishes(instruction="now: not that file")
    assert wishes("now that it works, add a test", reply=True).interrupt is False


@given(TEXTS, st.booleans())
def test_no_word_is_lost(text: str, reply: bool) -> None:
    found = wishes(text, reply=reply)
    words, kept = re.findall(r"\w+", text), re.findall(r"\w+", found.instruction)
    missing = list(words)
    for word in kept:
        missing.remove(word)
    option = {"in", "on", "use", "opus", "no", "build", "plan", "first", "branch", "release", "8", "3", "now"}
    if not found.understood:
        assert kept == words
    elif not found.base:
        assert {word.casefold() for word in missing} <= option or found.model or found.limit_usd


@given(st.text(alphabet=" ,;:()`\n.-$", max_size=300))
def test_marks_alone_are_no_trouble(text: str) -> None:
    assert wishes(text).understood == () and isinstance(choose(text, ALL), Doubt)
