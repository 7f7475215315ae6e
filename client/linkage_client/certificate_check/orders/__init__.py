"""Checks the evidence of an order of the service, and a delivery beside it, from the files alone.

As with releases of the laboratory, nothing of the program that protected the order is used here.
"""

from linkage_client.certificate_check.orders.check import CheckedOrder, check_order, is_order_evidence

__all__ = ["CheckedOrder", "check_order", "is_order_evidence"]
