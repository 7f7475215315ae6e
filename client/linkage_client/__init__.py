"""The quality register's side of Linkage: checks, seals and sends populations, and fetches what comes back."""

from linkage_client.api import AsyncLinkage, Linkage, verify
from linkage_client.populations import check

__all__ = ["AsyncLinkage", "Linkage", "check", "verify"]
