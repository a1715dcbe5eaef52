"""GitLab's events: a word that something may have happened, after which Honk looks for itself."""

from honk.doors.gitlab.door import DOOR, PATH, GitlabDoor
from honk.doors.gitlab.events import branch_of, task_of

__all__ = ["DOOR", "PATH", "GitlabDoor", "branch_of", "task_of"]
