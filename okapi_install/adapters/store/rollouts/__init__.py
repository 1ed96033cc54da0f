"""Rollouts in the SQL store. Each change locks the rollout's row first, so changes of one rollout have an order."""
