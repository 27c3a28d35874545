"""The analyst's page: ``/dashboard/`` and what it asks under ``/dashboard/api/``.

Every worker shows the whole picture: alerts and histories come from topics that it reads for the page alone, tables
and counts from the worker that has them.
"""
