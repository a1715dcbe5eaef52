"""What `honk doctor` says of workers elsewhere."""

from datetime import timedelta

from honk.adapters.sql import SqlStore
from honk.domain.remote_job import JobState, why_waits
from honk.doors.cli.house import Diagnosis
from honk.errors import HonkError
from honk.settings import Settings

#: a job that waits for longer may wait for a worker that is off
_LONG = timedelta(minutes=15)


async def workers(settings: Settings) -> list[Diagnosis]:
    """Nothing where none was ever here and nothing waits for one."""
    try:
        async with SqlStore(settings.database) as store:
            there, jobs, now = await store.jobs.workers(), await store.jobs.open(), store.now()
    except HonkError:
        return []  # said of the store already
    found = [
        Diagnosis(
            name=f"job {job.id}",
            ok=False,
            detail=f"{job.kind} of {job.task}: {job.reason if job.state is JobState.DOUBT else why_waits(job, there)}",
            remedy="start that worker, or see honk workers list (docs/howto/workers.md)",
            required=False,
        )
        for job in jobs
        if job.state is JobState.DOUBT or (job.state is JobState.WAITING and now - job.at > _LONG)
    ]
    if there:
        names = "; ".join(f"{one.name}, seen {one.seen:%Y-%m-%d %H:%M} UTC" for one in there[:10])
        found.append(Diagnosis(name="workers", ok=True, detail=names, required=False))
    return found
