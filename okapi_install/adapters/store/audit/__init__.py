"""Who did what, and when: the histories of jobs."""
