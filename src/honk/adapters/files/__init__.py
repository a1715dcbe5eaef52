"""Artifacts as files named by the hash of their content."""

from honk.adapters.files.artifacts import FileArtifacts

__all__ = ["FileArtifacts"]
