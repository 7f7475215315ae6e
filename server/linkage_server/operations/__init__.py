"""Numbers about the running service, and its home folder: nothing here can hold a value of a person."""
