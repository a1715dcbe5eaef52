"""Reads what an app's file says of itself. Runs within the walls of a sandbox, on the standard library alone."""
