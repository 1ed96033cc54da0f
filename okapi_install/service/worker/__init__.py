"""A worker's part: claim a job, run its steps, call modules, clean up."""
