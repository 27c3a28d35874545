"""Other ways to do the same work: what this application is compared with."""
