"""POST /graphql: what Honk's kind of app asks there, with GitHub's refusals. By https://docs.github.com/en/graphql.

Types and fields that are not here are refused as unknown; tests check queries against the public schema besides.
"""

from dataclasses import dataclass, field
from typing import Any

from honk.testing.fake_github import access, graphql_fields, graphql_mutations, graphql_types, heads
from honk.testing.fake_github.graphql_query import Document, Reader, Selection, Unreadable, Variable
from honk.testing.fake_github.graphql_types import CONNECTION, Connection, Failed, Typed
from honk.testing.fake_github.records import Json
from honk.testing.fake_github.wire import Call, Refused, Reply

TYPES = {**graphql_fields.TYPES, **graphql_mutations.TYPES}


@dataclass
class _Run:
    """One request as it is answered."""

    call: Call
    document: Document
    variables: Json
    errors: list[Json] = field(default_factory=list)

    def value(self, given: Any) -> Any:
        if isinstance(given, Variable):
            if given.name not in self.document.variables:
                raise Failed("", f"Variable ${given.name} is used but not declared", code="variableNotDefined")
            return self.variables.get(given.name, self.document.variables[given.name][1])
        if isinstance(given, dict):
            return {name: self.value(one) for name, one in given.items()}
        if isinstance(given, list):
            return [self.value(one) for one in given]
        return given

    def object(self, kind: str, value: Any, selections: list[Selection], path: list[Any]) -> Json:
        """What is selected of a value."""
        found: Json = {}
        for one in self.flat(kind, selections):
            here = [*path, one.key]
            if one.name == "__typename":
                found[one.key] = kind
                continue
            try:
                found[one.key] = self.field(kind, value, one, here)
            except Failed as failed:
                self.errors.append({**failed.body(), "path": here})
                found[one.key] = None
            except Refused as refused:
                words = "; ".join(str(each) for each in refused.errors) or refused.message
                kinds = {403: "FORBIDDEN", 404: "NOT_FOUND"}
                error = {"type": kinds.get(refused.status, "UNPROCESSABLE"), "message": words}
                self.errors.append({**error, "path": here, "locations": [{"line": 1, "column": 1}]})
                found[one.key] = None
        return found

    def flat(self, kind: str, selections: list[Selection]) -> list[Selection]:
        """The fields that are for a type, fragments resolved."""
        found: list[Selection] = []
        for one in selections:
            if one.spread or one.on is not None:
                whole = self.document.fragments.get(one.spread, one)
                if whole.on in ("", None, kind) or whole.on in graphql_types.INTERFACES.get(kind, ()):
                    found += self.flat(kind, whole.selections)
            else:
                found.append(one)
        return found

    def field(self, kind: str, value: Any, one: Selection, path: list[Any]) -> Any:
        arguments = {name: self.value(each) for name, each in one.arguments.items()}
        if kind == "Mutation":
            got = graphql_mutations.MUTATIONS[one.name](self.call, arguments.get("input") or {})
        elif kind.endswith(CONNECTION):
            got = graphql_types.of_connection(value, one.name)
        else:
            got = TYPES[kind][one.name].resolve(self.call, value, arguments)
        if isinstance(got, Connection):
            got = Typed(got.kind + CONNECTION, graphql_types.page(got, one.name, arguments))
        return self.shown(got, one.selections, path)

    def shown(self, got: Any, selections: list[Selection], path: list[Any]) -> Any:
        if isinstance(got, list):
            return [self.shown(each, selections, [*path, number]) for number, each in enumerate(got)]
        if isinstance(got, Typed):
            return self.object(got.kind, got.value, selections, path)
        return got

    # before anything is done

    def check(self, kinds: tuple[str, ...], selections: list[Selection], path: list[str]) -> None:
        """Unknown fields are found before anything is done."""
        for one in selections:
            if one.spread:
                whole = self.document.fragments.get(one.spread)
                if whole is None:
                    raise Failed("", f"Fragment {one.spread} was used, but not defined", code="useAndDefineFragment")
                self.check((str(whole.on),), whole.selections, [*path, f"... {one.spread}"])
            elif one.on is not None:
                self.check((one.on,) if one.on else kinds, one.selections, [*path, f"... on {one.on}"])
            elif one.name != "__typename":
                self._check_field(kinds[0], one, [*path, one.key])

    def _check_field(self, kind: str, one: Selection, path: list[str]) -> None:
        if kind == "Mutation":
            known, result = one.name in graphql_mutations.MUTATIONS, graphql_mutations.PAYLOADS.get(one.name, "")
        elif kind.endswith(CONNECTION):
            known, result = graphql_types.connection_field(kind, one.name)
        else:
            there = TYPES.get(kind, {}).get(one.name)
            known, result = there is not None, there.kind if there else ""
            extra = [name for name in one.arguments if there and name not in there.arguments]
            if extra:
                raise Failed(
                    "",
                    f"Field '{one.name}' doesn't accept argument '{extra[0]}'",
                    code="argumentNotAccepted",
                    path=path,
                )
        if not known:
            more = {"typeName": kind, "fieldName": one.name}
            words = f"Field '{one.name}' doesn't exist on type '{kind}'"
            raise Failed("", words, code="undefinedField", path=path, more=more)
        if bool(result) != bool(one.selections):
            words = f"Field '{one.name}' of type {result or 'a scalar'} "
            words += "must have a selection of subfields" if result else "must not have a selection of subfields"
            raise Failed("", words, code="selectionMismatch", path=path)
        if result:
            self.check((result,), one.selections, path)


def serve(call: Call) -> Reply:
    """One request."""
    if call.who.kind in ("anonymous", "app"):
        raise Refused(401, "This endpoint requires you to be authenticated.")
    body = call.json()
    if not isinstance(body.get("query"), str):
        return Reply(body={"errors": [{"message": "A query attribute must be specified and must be a string."}]})
    run = _Run(call, Document(), body.get("variables") or {})
    try:
        run.document = Reader(body["query"]).document()
        kind = run.document.kind.capitalize()
        run.check((kind,), run.document.selections, [run.document.kind])
        _variables(run)
    except Unreadable as wrong:
        return Reply(body={"errors": [{"message": str(wrong), "locations": [{"line": 1, "column": 1}]}]})
    except Failed as failed:
        call.world.faults.append(f"POST /graphql: {failed.message}")
        return Reply(body={"errors": [failed.body()]})
    for repo in call.world.repos.values():
        if access.sees(call.world, call.who, repo):
            heads.settle(call.world, repo)
    data = run.object(kind, None, run.document.selections, [])
    return Reply(body={"data": data, **({"errors": run.errors} if run.errors else {})})


def _variables(run: _Run) -> None:
    for name, (needed, _) in run.document.variables.items():
        if needed and run.variables.get(name) is None:
            raise Failed("", f"Variable ${name} of type was provided invalid value", code="invalidVariable")
