"""SQL that makes the database refuse to change or delete audit entries, for each database."""

from __future__ import annotations

_SQLITE = tuple(
    f"""CREATE TRIGGER audit_entry_no_{verb} BEFORE {verb.upper()} ON audit_auditentry
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed or deleted'); END"""
    for verb in ("update", "delete")
)
_POSTGRESQL = (
    """CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit entries are never changed or deleted'; END $$""",
    """CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()""",
)


def creating(vendor: str) -> tuple[str, ...]:
    """The statements that install the refusal."""
    return _POSTGRESQL if vendor == "postgresql" else _SQLITE


def dropping(vendor: str) -> tuple[str, ...]:
    """The statements that remove it."""
    if vendor == "postgresql":
        return ("DROP FUNCTION IF EXISTS audit_entry_refuse() CASCADE",)
    return tuple(f"DROP TRIGGER IF EXISTS audit_entry_no_{verb}" for verb in ("update", "delete"))
