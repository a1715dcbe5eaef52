"""The ways in: outside input becomes domain values here; no door knows another."""
