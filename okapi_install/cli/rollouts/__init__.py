"""Rollouts and preflights on a terminal."""
