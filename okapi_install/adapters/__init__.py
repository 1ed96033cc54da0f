"""One file or folder for each thing outside: the SQL store, the modules' tenant interface, the broker."""
