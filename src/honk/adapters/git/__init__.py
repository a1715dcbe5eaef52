"""Mirrors, workspaces and the hand-back, on git's command line."""
