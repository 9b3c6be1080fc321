"""TenantAtlas: backup, drift and restore for Microsoft Intune and Entra configuration.

Layers, top to bottom (imports point down; the contract in pyproject.toml holds it):

    config
    web | cli
    simulator
    schedules | restore | drift
    backups
    inventory | directory
    runs
    notifications
    tenants
    accounts | audit
    graph
    policies
    core
"""

__version__ = "0.1.0"
