"""Rollouts: what clients do with them, and what workers do for them. Jobs are added as for any other client."""
