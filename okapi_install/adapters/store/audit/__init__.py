"""Who did what: the histories of jobs, API keys, and sessions of the page."""
