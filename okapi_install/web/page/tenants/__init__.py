"""The tenants: a list with what each of them has and does, and a matrix of their versions."""
