"""Programs that put transactions and labels on the topics."""
