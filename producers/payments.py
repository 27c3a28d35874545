"""A payment as the generator writes it."""

import msgspec
from msgspec import UNSET, UnsetType


class Payment(msgspec.Struct, gc=False):
    """A transaction on its way out; unset fields are left out, and its id and time are set when it is sent.

    Attributes:
        transaction_id: ``TXN-`` and twelve hexadecimal digits.
        customer_id: ``CUST-`` and eight digits.
        timestamp: ``YYYY-MM-DD HH:MM:SS`` in UTC; streams faster than a payment a second add milliseconds.
        amount: In the currency's unit, with two decimals.
        merchant_id: ``MERCH-`` and six digits.
        product_category: What was bought.
        payment_method: How it was paid.
        device_type: ``mobile``, ``desktop`` or ``tablet``.
        device_id: ``DEV-`` and ten hexadecimal digits.
        location: The customer's city.
        is_fraud: The truth, where it may travel with the record.
        fraud_kind: The kind of fraud, likewise; unset where there is none.
    """

    transaction_id: str
    customer_id: str
    timestamp: str
    amount: float
    merchant_id: str | UnsetType
    product_category: str | UnsetType
    payment_method: str | UnsetType
    device_type: str | UnsetType
    device_id: str | UnsetType
    location: str | UnsetType
    is_fraud: bool | UnsetType = UNSET
    fraud_kind: str | UnsetType = UNSET


#: Payments that belong together, each with the seconds from the first one to it.
Episode = list[tuple[float, Payment]]
