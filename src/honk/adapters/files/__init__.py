"""Artifacts as files named by the hash of their content, and uploads while they arrive."""

from honk.adapters.files.artifacts import FileArtifacts
from honk.adapters.files.uploads import FileUploads

__all__ = ["FileArtifacts", "FileUploads"]
