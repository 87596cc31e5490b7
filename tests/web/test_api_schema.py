"""The API as its own description promises: whatever is asked for, it answers, and never with a failure."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from visiting import NewService

EXAMPLES = 15  # of each operation; the cases are the same at every run
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("who", ["lead", "nobody"])
def test_nothing_that_is_asked_of_the_api_makes_it_fail(new_service: NewService, who: str) -> None:
    service = new_service()
    headers = {"Host": "127.0.0.1"}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", service.app, headers=headers)
    if who != "nobody":
        service.account(who, who)
        headers["Authorization"] = f"Bearer {service.register.make_token(who, 'a test', 'test')}"
    answered: list[int] = []
    for operation in (found.ok() for found in schema.get_all_operations()):

        @QUICK
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers)
            assert answer.status_code < 500, f"{case.method} {case.formatted_path}"
            answered.append(answer.status_code)

        ask()
    assert answered
    assert (200 in answered) == (who == "lead")
