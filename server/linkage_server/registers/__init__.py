"""The registers: deliveries taken in and judged, snapshots stored and read."""
