"""Use cases, one verb each. They see the domain and the ports, never a database, a broker or HTTP."""
