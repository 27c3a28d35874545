"""The demo: broker, worker and generator together, the alerts as they come, and a closing table."""
