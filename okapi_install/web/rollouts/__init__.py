"""Rollouts as documents and as events, for the API and the page."""
