"""The diagnostic echo counts what really arrived."""

from io import BytesIO

from hello.config import LARGEST_BODY_BYTES


def test_echo_counts_the_bytes_of_the_body(client):
    assert client.post("/echo", data=b"x" * 100_000).json == {"bytes": 100_000}


def test_echo_counts_an_empty_body_as_nothing(client):
    assert client.post("/echo").json == {"bytes": 0}


def test_echo_refuses_a_body_that_is_too_large(client):
    body = BytesIO(b"x" * (LARGEST_BODY_BYTES + 1))

    assert (
        client.post("/echo", input_stream=body, content_length=LARGEST_BODY_BYTES + 1).status_code
        == 413
    )
