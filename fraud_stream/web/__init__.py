"""Pages and JSON endpoints that the worker serves."""
