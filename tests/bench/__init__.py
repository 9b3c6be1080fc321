"""The benchmarks, run by `make bench`: ratios to what Microsoft Graph's limits allow, and latencies."""
