"""What readers see of jobs: the words for their states, and names that tell what they do."""
