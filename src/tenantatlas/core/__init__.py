"""Pure ground: errors, clock, ids, strict JSON. Nothing here has an opinion about Intune."""
