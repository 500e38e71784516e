import re

import pytest

import harness


@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_is_there_documented_and_listed(name: str) -> None:
    assert getattr(harness, name).__doc__, name
    assert re.search(rf"\b{name}\b", harness.__doc__ or "")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'harness' has no attribute 'mesure_matrix'"):
        _ = harness.mesure_matrix
