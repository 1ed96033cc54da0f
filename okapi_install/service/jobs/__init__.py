"""What a client can do with jobs: submit, follow, explain, abort, retry. What pages and callbacks say about them."""
