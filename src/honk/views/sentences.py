"""Events as lines for a person: one small function a type."""

from functools import singledispatch

from honk.domain import event as events
from honk.domain.event import Event, EventData
from honk.domain.text import shortened


def sentence(event: Event) -> str | None:
    """The event as a line (rarely two); None for what only machines want."""
    return _say(event.data)


@singledispatch
def _say(data: EventData) -> str | None:
    return None


@_say.register
def _(data: events.TaskMoved) -> str | None:
    return f"{data.state}: {shortened(data.reason, 300)}" if data.reason else None


@_say.register
def _(data: events.TaskNoted) -> str:
    return data.text


@_say.register
def _(data: events.ContactNamed) -> str:
    return f"{shortened(data.name, 80)} is asked and told about it from now on"


@_say.register
def _(data: events.StepProgressed) -> str:
    return f"{data.step}: {shortened(data.detail, 160)}"


@_say.register
def _(data: events.BaseChosen) -> str:
    return f"base is {data.branch} at {data.commit[:12]}"


@_say.register
def _(data: events.MessageReceived) -> str:
    return f"{'queued' if data.handling == 'queued' else 'reply'}: {shortened(data.text, 160)}"


@_say.register
def _(data: events.BaseMerged) -> str:
    files = shortened(", ".join(data.conflicts), 160)
    return f"merged {data.branch} at {data.commit[:12]} into the branch" + (f"; in conflict: {files}" if files else "")


@_say.register
def _(data: events.EnvironmentReady) -> str:
    if not data.ok:
        return f"environment for {data.toolchain} cannot be made: {shortened(data.detail, 200)}"
    return f"environment for {data.toolchain} is ready" + (" (kept)" if data.cached else f" ({data.seconds:.0f} s)")


@_say.register
def _(data: events.PlanProposed) -> str:
    return f"plan {data.name}: {shortened(data.text, 400)}"


@_say.register
def _(data: events.AgentStarted) -> str:
    who = f"Claude Code {data.release}" if data.agent == "claude" else data.agent
    model = f" with {data.model}" if data.model else ""
    return f"attempt {data.attempt}: {who}{model}" + (", resumed" if data.resumed else "")


@_say.register
def _(data: events.AgentWrote) -> str | None:
    return None if data.partial else shortened(data.text, 400) or None


@_say.register
def _(data: events.AgentCalledTool) -> str:
    return f"· {shortened(f'{data.tool} {data.summary}', 160)}"


@_say.register
def _(data: events.AgentToolAnswered) -> str | None:
    return None if data.ok else f"  failed: {shortened(data.output, 160)}"


@_say.register
def _(data: events.AgentWaits) -> str:
    return f"waiting: {data.reason}" + (f" (again in {data.seconds:.0f} s)" if data.seconds else "")


@_say.register
def _(data: events.ModelFailed) -> str:
    return f"the model's server answered {data.status or 'nothing'}: {shortened(data.detail, 200)}"


@_say.register
def _(data: events.NetworkDenied) -> str:
    return f"denied: {shortened(data.target, 100)} ({data.reason})"


@_say.register
def _(data: events.LimitHit) -> str:
    return f"limit: {data.detail}"


@_say.register
def _(data: events.BudgetWarned) -> str:
    whose = {"task": "this task", "person": "this person and day", "day": "this day"}.get(data.kind, data.kind)
    return f"budget: ${data.usd:.2f} of the ${data.limit_usd:.2f} for {whose} are spent"


@_say.register
def _(data: events.BudgetRefused) -> str:
    return f"not begun: {shortened(data.detail, 300)}"


@_say.register
def _(data: events.ChangeTaken) -> str:
    files = "1 file" if len(data.files) == 1 else f"{len(data.files)} files"
    return f"{files} changed, +{data.insertions} -{data.deletions}"


@_say.register
def _(data: events.ChangeRefused) -> str:
    return f"handed back and refused: {shortened(data.reason, 300)}"


@_say.register
def _(data: events.VerifierFinished) -> str:
    where = {"base": " on the base", "agent": " (asked for by the agent)"}.get(data.on, "")
    return f"{data.verifier}{where}: {data.answer}, {shortened(data.summary, 160)} ({data.seconds:.1f} s)"


@_say.register
def _(data: events.VerdictGiven) -> str:
    shown = f"verdict: {data.answer}"
    if data.proof:
        shown += f"; red without the change, green with it: {shortened(', '.join(data.proof), 160)}"
    shown += "".join(f"\n  refused: {shortened(one, 200)}" for one in data.refusing)
    return shown + "".join(f"\n  not proven: {shortened(one, 200)}" for one in data.not_proven)


@_say.register
def _(data: events.ChecksSeen) -> str:
    return f"checks: {checks_line(data)}"


def checks_line(data: events.ChecksSeen) -> str:
    """The forge's checks in a line: how many passed, and the others by name."""
    counted = [f"{len(data.passed)} passed"] if data.passed else []
    for word, names in (
        ("failed", data.failed),
        ("failing before", data.failing_before),
        ("run", data.running),
    ):
        counted += [f"{word}: {shortened(', '.join(names), 160)}"] if names else []
    waits = tuple(one for one in data.awaited if one not in data.running)
    counted += [f"not heard of yet: {shortened(', '.join(waits), 160)}"] if waits else []
    return "; ".join(counted) or "none"


@_say.register
def _(data: events.PullRequestOpened) -> str:
    return f"{'draft ' if data.draft else ''}pull request #{data.number}: {data.branch} → {data.base}"


@_say.register
def _(data: events.PullRequestUpdated) -> str:
    return f"pull request #{data.number} is at {data.head[:12]} ({data.state})"


@_say.register
def _(data: events.PullRequestApproved) -> str:
    return f"approved: {data.head[:12]}" + (f", {shortened(data.text, 300)}" if data.text else "")


@_say.register
def _(data: events.BuildReady) -> str:
    hint = f"\n  {data.hint}" if data.preview_url and data.hint else ""
    return f"build ready ({data.size:,} bytes): {data.preview_url or data.hint}{hint}"


@_say.register
def _(data: events.BuildUploaded) -> str:
    what = f"{shortened(data.name, 100)} ({data.kind}, {data.size:,} bytes) of {data.commit[:7]}"
    return f"uploaded: {what}" + (": an older commit, so that it is not the latest build" if data.older else "")


@_say.register
def _(data: events.BuildWaits) -> str:
    return f"the build {shortened(data.reason, 300)}"


@_say.register
def _(data: events.BuildOffered) -> str:
    said = f"{data.title}: {data.state}" + (f", {shortened(data.detail, 300)}" if data.detail else "")
    return said + (f"\n  {data.link}" if data.link and data.state == "ready" else "")


@_say.register
def _(data: events.BuildPictured) -> str:
    named = (("after", data.after), ("before", data.before), ("film", data.film))
    taken = [name for name, digest in named if digest]
    shown = f"screenshots: {', '.join(taken) or 'none'}" + (f" ({data.note})" if data.note else "")
    return shown + "".join(f"\n  the page logged an error: {shortened(one, 200)}" for one in data.errors)


@_say.register
def _(data: events.BuildFailed) -> str:
    return f"build failed: {data.reason}\n  {shortened(data.output[-400:], 400)}"


@_say.register
def _(data: events.MergeDone) -> str:
    return f"merged into {data.base} as {data.commit[:12]}"


@_say.register
def _(data: events.MergeQueued) -> str:
    place = f" (place {data.position})" if data.position else ""
    return f"waits at the forge to be merged{place}: {data.head[:12]}"


@_say.register
def _(data: events.MergeRefused) -> str:
    return f"not merged: {data.reason}" + (f"\n  {data.remedy}" if data.remedy else "")


@_say.register
def _(data: events.DeploymentPromoted) -> str:
    return f"promoted: {data.commit[:12]} goes from {data.came_from} to {data.environment}"


@_say.register
def _(data: events.DeploymentStarted) -> str:
    return f"deploying {data.commit[:12]} to {data.environment} ({data.undo})"


@_say.register
def _(data: events.DeploymentWaits) -> str:
    said = f"{data.environment}: {shortened(data.reason, 300)}" if data.reason else f"{data.environment}: goes on"
    return said + (f"\n  {data.url}" if data.url else "")


@_say.register
def _(data: events.DeploymentProgressed) -> str:
    return f"{data.environment}: {shortened(data.detail, 300)}" + (f"\n  {data.url}" if data.url else "")


@_say.register
def _(data: events.DeploymentFinished) -> str:
    if data.unhealthy:
        said = shortened(data.output[-400:], 400)
        return f"{data.environment}: unhealthy, so it did not go live" + (f"\n  {said}" if said else "")
    return f"{data.environment}: {data.state}" + (f" at {data.url}" if data.url else "")


@_say.register
def _(data: events.DeploymentWatched) -> str:
    minutes = f"{data.seconds / 60:g} min"
    if data.state == "watching":
        return f"{data.environment}: live, watching for {minutes}"
    if data.state == "healthy":
        return f"{data.environment}: healthy after {minutes}"
    return f"{data.environment}: unhealthy since {data.since}: {shortened(data.detail, 300)}\n  {data.undo}"
