"""merged → its turn: one deployment an environment at a time, in the order of merging, while the environment is open.

What has to wait rests as merged, with why; `app/deploying.py` begins it once it may.
"""

from dataclasses import dataclass

from honk.domain.address import canonical
from honk.domain.deploy_line import HELD, Place, Stand
from honk.domain.deploy_windows import moment_shown, zone
from honk.domain.event import MergeDone, TaskNoted
from honk.domain.landing import Landing
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Base, Repository, Sha
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.errors import NeedsHuman
from honk.ports import Ports
from honk.steps.deploy.config import deploy_config, deployed_from


def site_of(repository: Repository) -> str:
    """How a freeze names the repository, whichever way git reaches it."""
    return canonical(repository.url) or repository.url


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Why a place in the line has to wait."""

    stand: Stand
    reason: str


async def why_closed(repository: Repository, config: DeployConfig, *, ports: Ports) -> str:
    """Why nothing is deployed to that environment now; "" where it is open."""
    now, environment = ports.clock(), config.environment
    frozen = [one for one in await ports.deploys.freezes(site_of(repository)) if one.holds(environment, now)]
    if frozen:
        # the one that holds longest
        last = max(frozen, key=lambda one: (one.until is None, one.until or one.at))
        who = one_line((await ports.tasks.get_person(last.by)).name)
        until = f" until {moment_shown(last.until, zone(config.timezone), now)}" if last.until else ""
        return f"{environment} is frozen by {who}{until}: {one_line(last.why)}"
    windows = config.open
    if windows is None or windows.inside(now):
        return ""
    opens = moment_shown(windows.opens(now), windows.zone, now)
    return f"waits for {opens}: deploys to {environment} are open {windows.words}"


async def why_waits(task: Task, config: DeployConfig, *, ports: Ports) -> str:
    """Why a merge of the task would not be deployed at once; "" where it would."""
    closed = await why_closed(task.repository, config, ports=ports)
    if closed:
        return closed
    own, there = Stand.GOING, (task.repository.key, config.environment)
    places = [one for one in await ports.deploys.places() if (one.repository, one.environment) == there]
    front = next((one for one in places if one.stand is own and one.task != task.id), None)
    return behind(front) if front is not None else ""


def behind(front: Place) -> str:
    """Why somebody waits for that place."""
    if front.stand is Stand.GOING:
        return f"waits for the deployment of task {front.task} to {front.environment}, which is under way"
    return f"waits for task {front.task}, which was merged before it and is deployed to {front.environment} first"


async def enter(task: Task, landing: Landing, base: Base, *, ports: Ports) -> Place | None:
    """The merged task is in the line, as it comes; None where its merge is not deployed."""
    if landing.environment:
        config = await deploy_config(task, base.commit, landing.environment, ports=ports)
    else:
        config = await deployed_from(task, base, ports=ports)
    if config is None:
        return None
    log = await ports.events.read(task.id)
    merged_at = next((one.at for one in reversed(log) if isinstance(one.data, MergeDone)), ports.clock())
    place = Place(
        task=task.id,
        repository=task.repository.key,
        environment=config.environment,
        branch=base.branch,
        merged_at=merged_at,
        stand=Stand.COMING,
        landing=landing,
    )
    return await ports.deploys.enter(place)


async def its_turn(
    task: Task, person: Person, config: DeployConfig, base: Base, landing: Landing, *, ports: Ports
) -> bool:
    """Whether it is deployed now. Where not, it rests as merged, and says why. What has begun goes on."""
    place = await enter(task, landing, base, ports=ports)
    if place is None:
        return True
    if place.stand is not Stand.GOING:
        closed = await why_closed(task.repository, config, ports=ports)
        if closed and not landing.now:
            await hold(task, Ahead(stand=Stand.CLOSED, reason=closed), ports=ports)
            return False
        front = await ports.deploys.take(task.id, first=landing.now)
        if front is not None:
            await hold(task, Ahead(stand=Stand.BEHIND, reason=behind(front)), ports=ports)
            return False
        if closed:
            note = TaskNoted(text=f"{one_line(person.name)} has it deployed in spite of this: {closed}")
            key = f"in-spite/{landing.act}"
            await ports.events.record(task.id, task.turn, note, actor=person.id, key=key)
    await _take_along(place, ports=ports)
    return True


async def come_first(task: Task, person: Person, config: DeployConfig, act: str, *, ports: Ports) -> None:
    """For an undo, which waits for no window and no freeze. Raises NeedsHuman while another deployment is under way."""
    landing = Landing(by=person.id, head=Sha(""), method=MergeMethod.MERGE, act=act)
    place = Place(
        task=task.id,
        repository=task.repository.key,
        environment=config.environment,
        branch="",
        merged_at=ports.clock(),
        stand=Stand.COMING,
        landing=landing,
    )
    await ports.deploys.enter(place)
    front = await ports.deploys.take(task.id, first=True)
    if front is not None:
        await ports.deploys.leave(task.id)
        reason = f"{config.environment} is being deployed to, by task {front.task}"
        raise NeedsHuman(f"not undone: {reason}", f"once that has ended: honk undo {task.id}")


async def hold(task: Task, why: Ahead, *, ports: Ports) -> None:
    """It waits, and says why."""
    place = await ports.deploys.hold(task.id, why.stand)
    await ports.tasks.move(task.id, place.rests if place is not None else State.MERGED, why.reason)


async def _take_along(own: Place, *, ports: Ports) -> None:
    """Older merges into the branch that wait are within this one. They are told first: who is cut off does it again."""
    for one in await ports.deploys.places():
        if one.task == own.task or one.stand not in HELD or not _within(one, own):
            continue
        await rest(one, f"it is within the deployment of task {own.task}, which was merged later", ports=ports)
        await ports.deploys.leave(one.task, waiting=True)


async def rest(place: Place, reason: str, *, ports: Ports) -> None:
    """Its task rests where it is with another reason, unless somebody is at work on it meanwhile."""
    now = await ports.tasks.get(place.task)
    if now.state is place.rests and now.reason != reason:
        await ports.tasks.move(place.task, place.rests, reason)


def _within(one: Place, own: Place) -> bool:
    there = (one.repository, one.environment, one.branch) == (own.repository, own.environment, own.branch)
    return there and one.merged_at < own.merged_at
