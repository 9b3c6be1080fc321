"""What is sealed opens only where it was sealed."""

from tenantatlas.tenants.vault import seal, unseal


def test_what_was_sealed_opens(cast):
    sealed = seal(cast.contoso, purpose="p", record="r", plain=b"hello")
    assert b"hello" not in sealed
    assert unseal(cast.contoso, purpose="p", record="r", sealed=sealed) == b"hello"
