"""One file per policy type, each with a POLICY_TYPE. `policies.registry` finds them; there is no list to
edit."""
