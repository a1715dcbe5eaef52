"""The verbs: one arrow of a task's life each. The order is in `honk.flow`."""
