"""Known frauds of each customer.

Key: customer_id. Value: `History` of the labels that said fraud, however long ago.
Read by: the features ``customer_…`` and the web view.
"""

from fraud_stream.app import app, settings
from fraud_stream.domain.outcomes import History
from tables.codecs import StructCodec
from tables.ranks import FRAUDS

customer_frauds = app.exact_table(
    "customer_frauds",
    rank=FRAUDS,
    codec=StructCodec(History),
    partitions=settings.topics.partitions,
    help="known frauds of each customer",
)
