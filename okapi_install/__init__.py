"""Installs, upgrades and removes FOLIO modules for tenants, as jobs that can be followed, aborted and trusted."""

__version__ = "1.0.0"
