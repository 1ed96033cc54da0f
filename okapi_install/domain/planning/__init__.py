"""Plans: which modules change, in which order, and what may run when."""
