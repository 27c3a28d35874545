"""What the application runs on, started without containers."""
