"""What is known of each customer.

Key: customer_id. Value: `Profile`: exact sliding windows, long-run moments, places, devices, recent transaction ids.
Read by: the features and the recognition of duplicates; says which transactions were decided before a crash.
"""

from fraud_stream.app import app, settings
from fraud_stream.domain.profile import Profile
from tables.codecs import StructCodec
from tables.ranks import PROFILE

customer_profile = app.exact_table(
    "customer_profile",
    rank=PROFILE,
    codec=StructCodec(Profile),
    source=settings.topics.transactions,
    partitions=settings.topics.partitions,
    help="what is known of each customer",
)
