"""Starting jobs from the page: a form, the plan with its solutions, and the confirmation."""
