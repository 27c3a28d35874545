"""The batch pipeline: from the topics, or from files, to the warehouse, a day at a time."""
