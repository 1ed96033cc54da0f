"""Who may come in: hosts and origins, forwarded addresses, sessions of the page, a brake on wrong keys."""
