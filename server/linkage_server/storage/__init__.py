"""What the service remembers: tables, files, and the moves of an order. The lowest room of the house."""
