"""The tests of TenantAtlas; one folder per package."""
