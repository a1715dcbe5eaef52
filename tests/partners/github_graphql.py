"""Whether GraphQL documents are right for GitHub's public schema (npm package @octokit/graphql-schema)."""

from functools import cache
from pathlib import Path
from typing import Any

import graphql

from honk.testing.fake_github import World

_SCHEMA = Path(__file__).with_name("node_modules") / "@octokit" / "graphql-schema" / "schema.graphql"


def installed() -> bool:
    """Whether the schema is there."""
    return _SCHEMA.exists()


@cache
def schema() -> graphql.GraphQLSchema:
    """GitHub's public schema."""
    return graphql.build_schema(_SCHEMA.read_text(), assume_valid=True)


def faults(query: str, variables: dict[str, Any] | None = None) -> list[str]:
    """What the schema does not know of a document, or does not take of its variables."""
    try:
        document = graphql.parse(query)
    except graphql.GraphQLSyntaxError as wrong:
        return [str(wrong)]
    found = [one.message for one in graphql.validate(schema(), document)]
    if found:
        return found
    operation = graphql.get_operation_ast(document)
    assert operation is not None
    values = graphql.execution.values.get_variable_values(
        schema(), operation.variable_definitions or (), variables or {}
    )
    return [one.message for one in values] if isinstance(values, list) else []


def check_queries(world: World) -> None:
    """AssertionError that lists what is wrong with the queries that were sent."""
    sent = [one.body for one in world.requests if one.route == "/graphql" and isinstance(one.body, dict)]
    found = [fault for body in sent for fault in faults(str(body.get("query")), body.get("variables"))]
    assert not found, "\n".join(found)
