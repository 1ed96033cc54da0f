"""Rollouts: one request for many tenants, carried out in waves as one job for each tenant.

This room decides. It knows nothing of the store that keeps a rollout, and nothing of how a tenant's job is planned.
"""
