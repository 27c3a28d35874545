"""Velocity: overlapping windows of each customer.

Key: customer_id. Window: hopping, ``[windows] hopping_size`` by ``hopping_step``, stored as panes.
Value: `WindowStats`.
Read by: the features ``hopping_…`` and the web view.
"""

from fraud_stream.app import app, settings
from fraud_stream.domain.windows import WindowStats, merged
from tables.codecs import StructCodec
from tables.ranks import WINDOWS

table = app.windowed_table(
    "customer_hopping",
    rank=WINDOWS,
    codec=StructCodec(WindowStats),
    merge=merged,
    partitions=settings.topics.partitions,
    help="overlapping windows of each customer, for velocity",
)
customer_hopping = table.hopping(
    settings.windows.hopping_size, settings.windows.hopping_step, expires=settings.windows.hopping_expires
)
