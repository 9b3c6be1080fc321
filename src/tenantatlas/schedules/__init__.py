"""Any operation, on a cadence: what is due when, who is told, and what is kept."""
