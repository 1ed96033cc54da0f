"""Progress of many jobs in one commit: the statement, and who waits for whom."""
