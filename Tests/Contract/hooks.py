"""What schemathesis loads: small changes to what it sends."""

import itertools

import schemathesis

numbers = itertools.count(1)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Most writes are to be carried out. The same key again and again would have all but the first of them refused, so
    most get a key of their own, which has the form that the contract asks for as well as any."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 0 < len(key) <= 36 and all("!" <= c <= "~" and c not in '"\\' for c in key):
        number = next(numbers)
        if number % 16:
            case.headers["Idempotency-Key"] = f"{key}-{number}"
