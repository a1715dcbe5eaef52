"""Which of Honk's branches an event is about: https://docs.gitlab.com/user/project/integrations/webhook_events/

Nothing else of an event is believed, so nothing else of it is read.
"""

import re

from pydantic import BaseModel, ConfigDict

from honk.domain.task import TaskId

_OWN = "honk/"
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Attributes(_Part):
    #: of a merge request's event
    source_branch: str = ""
    #: of a pipeline's event: a branch, or "refs/merge-requests/12/head"
    ref: str = ""


class _MergeRequest(_Part):
    #: of a note's event, and of a pipeline's that a merge request began
    source_branch: str = ""


class Event(_Part):
    """A merge request, pipeline, push or note event, as far as it names a branch."""

    object_kind: str
    #: of a push's event
    ref: str = ""
    object_attributes: _Attributes | None = None
    merge_request: _MergeRequest | None = None


def branch_of(event: Event) -> str:
    """The branch that it is about; "" where it names none that could be Honk's."""
    attributes, merge_request = event.object_attributes or _Attributes(), event.merge_request or _MergeRequest()
    match event.object_kind:
        case "push":
            named = event.ref.removeprefix("refs/heads/")
        case "merge_request":
            named = attributes.source_branch
        case "pipeline":
            named = merge_request.source_branch or attributes.ref
        case "note":
            named = merge_request.source_branch
        case _:
            named = ""
    return named if named.startswith(_OWN) else ""


def task_of(branch: str) -> TaskId | None:
    """The task whose branch it could be."""
    name = branch.removeprefix(_OWN)
    return TaskId(name) if branch.startswith(_OWN) and _TASK.fullmatch(name) else None
