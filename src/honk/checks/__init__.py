"""The gate: verifiers, environments, red-green, evidence. `honk.checks.gate.LocalGate` is the way in."""
