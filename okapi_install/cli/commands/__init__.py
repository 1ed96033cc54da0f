"""The commands, a file for each kind of thing that they act on. They are imported only when they are used."""
