"""The door for browsers. For now: previews and what is live."""
