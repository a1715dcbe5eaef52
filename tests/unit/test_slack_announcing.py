"""What a landing has messages for in Slack: each of its ends once, by its name."""

import re
from dataclasses import replace

from slack_samples import HEAD, ID, NOW, Samples

from honk.domain import event as events
from honk.domain.event import Event, EventData
from honk.domain.task import State
from honk.doors.slack.announcing import announcements

OLDER = "7654321" + "0" * 33


def said(*data: EventData, state: State = State.MERGED) -> list[str]:
    """The messages about these events, as notifications."""
    given = Samples(words=lambda: "words", many=1, state=state)
    log = [
        Event(id=str(seq), task=ID, turn=1, seq=seq, at=NOW, actor=None, data=one) for seq, one in enumerate(data, 1)
    ]
    return [one.shown.text for one in announcements(log, log, given.card(), given.thread()) if one.shown is not None]


def begun(commit: str) -> events.DeploymentStarted:
    return events.DeploymentStarted(deployment="d", environment="production", commit=commit, undo="the one before")


def finished(state: str) -> events.DeploymentFinished:
    return events.DeploymentFinished(deployment="d", environment="production", state=state)


def ended(state: State, reason: str = "it broke") -> events.TaskSettled:
    return events.TaskSettled(state=state, outcome="error", reason=reason)


MERGED = events.MergeDone(commit=HEAD, head=HEAD, base="main")


def test_a_refusal_to_merge_is_said_once() -> None:
    refused = events.MergeRefused(reason="the branch moved", remedy="reply")
    assert said(refused, ended(State.WAITING, "the branch moved")) == ["Not merged: the branch moved"]


def test_an_undo_is_no_deployment() -> None:
    landed = (MERGED, begun(HEAD), finished("live"), ended(State.DEPLOYED, ""))
    assert said(*landed) == ["Merged into main as 1234567", "Deployed to production"]
    assert said(*landed, begun(OLDER), finished("live"))[2:] == ["Undone: production has the version before"]
    assert said(*landed, begun(HEAD), finished("live"))[2:] == ["Deployed to production"], "deployed again"


def test_an_app_for_a_phone_leads_to_its_install_page() -> None:
    def led(**changes: str) -> list[str]:
        given, link = (
            Samples(words=lambda: "words", many=1, state=State.PROPOSED),
            "https://honk.example/b/b1/page/1-a/",
        )
        ready = events.BuildReady(
            build="b1", kind="android", commit=HEAD, digest="d", size=1, preview_url=link, **changes
        )
        event = Event(id="1", task=ID, turn=1, seq=1, at=NOW, actor=None, data=ready)
        card = replace(given.card(), hint="", page="https://honk.example/tasks/t")
        shown = [one.shown for one in announcements([event], [event], card, given.thread()) if one.shown is not None]
        return re.findall(r"https://honk\.example/b\w*/[\w/-]+", str(shown[0].blocks))

    assert led(package="a", form="apk")[0] == "https://honk.example/b/b1/page/1-a/"
    assert led()[0] == "https://honk.example/builds/b1"


def test_what_never_began_is_said_too() -> None:
    assert said(MERGED, ended(State.MERGED))[1:] == ["It is merged, and was not deployed: it broke"]
    assert said(ended(State.DEPLOYED), state=State.DEPLOYED) == ["It was not undone: it broke"]
    unhealthy = said(MERGED, begun(HEAD), finished("failed"), ended(State.MERGED))[1:]
    assert unhealthy == ["The deployment to production is unhealthy: the version before is still live"]


def test_health_has_a_message_where_a_person_is_needed() -> None:
    def watched(state: str) -> events.DeploymentWatched:
        since = "2026-11-21 08:00 UTC"
        return events.DeploymentWatched(
            deployment="d", environment="production", state=state, seconds=600.0, since=since, detail="it answered 503"
        )

    log = (watched("watching"), watched("healthy"), watched("unhealthy"))
    assert said(*log, state=State.DEPLOYED) == ["production is unhealthy since 2026-11-21 08:00 UTC"]


def test_a_film_is_uploaded_beside_the_screenshots() -> None:
    given, data = Samples(words=lambda: "words", many=1, state=State.PROPOSED), events.BuildPictured
    made = (data(build="b", before="x", after="y", film="z"), data(build="b", before=None, after="y"))
    log = [
        Event(id=str(seq), task=ID, turn=1, seq=seq, at=NOW, actor=None, data=one) for seq, one in enumerate(made, 1)
    ]
    whole, still = announcements(log, log, given.card(), given.thread())
    assert [(one.name, one.digest) for one in whole.pictures] == [
        ("before.png", "x"),
        ("after.png", "y"),
        ("film.mp4", "z"),
    ]
    assert "Before and after" in str(whole.comment) and len(still.pictures) == 1
