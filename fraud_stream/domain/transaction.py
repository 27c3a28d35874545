"""The payment that is judged."""

import msgspec

REQUIRED = ("transaction_id", "customer_id", "timestamp", "amount")
OPTIONAL = ("merchant_id", "product_category", "payment_method", "device_type", "device_id", "location")


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One payment, checked: every field has its type and is in range.

    Attributes:
        transaction_id: The payment's own id, unique for at least 24 hours.
        customer_id: Who pays; also the Kafka key, so that one worker sees all of a customer's payments in order.
        timestamp: Event time, seconds since 1970 in UTC.
        amount: In the currency's unit, 0 or more.
        merchant_id: Where it was paid.
        product_category: What was bought.
        payment_method: How it was paid.
        device_type: The kind of device, for example ``mobile``.
        device_id: The device itself, where the shop knows it.
        location: Where the customer was.
    """

    transaction_id: str
    customer_id: str
    timestamp: float
    amount: float
    merchant_id: str | None = None
    product_category: str | None = None
    payment_method: str | None = None
    device_type: str | None = None
    device_id: str | None = None
    location: str | None = None

    @property
    def device(self) -> str | None:
        """The most exact thing known of the device.

        >>> Transaction("T1", "C1", 0.0, 1.0, device_type="mobile").device
        'mobile'
        """
        return self.device_id or self.device_type
