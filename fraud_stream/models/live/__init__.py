"""Live evaluation: what labels say of the scores that were given, and the threshold that follows from it."""
