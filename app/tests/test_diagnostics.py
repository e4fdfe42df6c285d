"""A load test can send a body and see that all of it arrived."""

import pytest


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_echo_counts_the_body(client, size):
    assert client.post("/echo", data=b"x" * size).json == {"bytes": size}


def test_a_body_beyond_the_limit_is_refused(make):
    client = make(MAX_BODY_BYTES="1000").test_client()

    assert client.post("/echo", data=b"x" * 1001).status_code == 413
