"""Tables, one family a file: its window, its key, its value, and what reads it."""
