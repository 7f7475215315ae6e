"""The wire: messages between client and service, and refusals on them."""
