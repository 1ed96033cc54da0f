"""What FOLIO modules are: versions, descriptors, the registry, and the tenant interface. Knows no plans and no jobs."""
