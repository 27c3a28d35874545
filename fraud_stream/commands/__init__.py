"""The commands beside ``worker``, one a file."""
