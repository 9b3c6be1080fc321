"""What TenantAtlas knows about Intune and Entra: one file per policy type, and the pure rules over them."""
