"""Hour-by-hour statistics of each customer.

Key: customer_id. Window: tumbling, ``[windows] tumbling_size``. Value: `WindowStats`.
Read by: the features ``tumbling_…`` and the web view.
"""

from fraud_stream.app import app, settings
from fraud_stream.domain.windows import WindowStats, merged
from tables.codecs import StructCodec
from tables.ranks import WINDOWS

table = app.windowed_table(
    "customer_tumbling",
    rank=WINDOWS,
    codec=StructCodec(WindowStats),
    merge=merged,
    partitions=settings.topics.partitions,
    help="hour-by-hour statistics of each customer",
)
customer_tumbling = table.tumbling(settings.windows.tumbling_size, expires=settings.windows.tumbling_expires)
