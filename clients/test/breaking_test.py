"""Small documents, and what clients/breaking says of them: python3 clients/test/breaking_test.py"""

import copy
import unittest
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPT = Path(__file__).parent.parent / "breaking"
breaking = ModuleType("breaking")
SourceFileLoader("breaking", str(SCRIPT)).exec_module(breaking)

Document = dict[str, Any]


def document() -> Document:
    def schema(name: str) -> Document:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    def fields() -> Document:
        return {
            "word": {"type": "string", "enum": ["a", "b"]},
            "text": {"type": ["string", "null"], "maxLength": 9},
            "number": {"type": "integer"},
            "part": {"oneOf": [{"$ref": "#/components/schemas/Part"}, {"type": "null"}]},
            "kinds": {"type": "array", "items": {"$ref": "#/components/schemas/Kind"}},
        }

    def kind(word: str) -> Document:
        return {"type": "object", "properties": {"do": {"const": word}}, "required": ["do"]}

    return {
        "openapi": "3.1.0",
        "paths": {
            "/things": {
                "parameters": [{"in": "header", "name": "If-Match", "schema": {"type": "string"}}],
                "post": {
                    "operationId": "createThing",
                    "parameters": [
                        {"$ref": "#/components/parameters/Q"},
                        {
                            "in": "query",
                            "name": "ids",
                            "explode": False,
                            "schema": {"type": "array", "items": {"type": "string"}},
                        },
                    ],
                    "requestBody": {"content": schema("In")},
                    "responses": {
                        "200": {
                            "description": "",
                            "content": schema("Out") | {"text/csv": {"schema": {"type": "string"}}},
                        },
                        "422": {"description": ""},
                    },
                },
            }
        },
        "components": {
            "parameters": {"Q": {"in": "query", "name": "q", "schema": {"type": "string"}}},
            "schemas": {
                "In": {"type": "object", "properties": fields(), "required": ["word"], "additionalProperties": False},
                "Out": {"type": "object", "properties": fields(), "required": ["word", "text"]},
                # It holds itself.
                "Part": {
                    "type": "object",
                    "properties": {"part": {"$ref": "#/components/schemas/Part"}, "x": {"type": "string"}},
                },
                "Kind": {
                    "oneOf": [{"$ref": "#/components/schemas/Run"}, {"$ref": "#/components/schemas/Walk"}],
                    "discriminator": {
                        "propertyName": "do",
                        "mapping": {"run": "#/components/schemas/Run", "walk": "#/components/schemas/Walk"},
                    },
                },
                "Run": kind("run"),
                "Walk": kind("walk"),
            },
        },
    }


def found(change: Callable[[Document], Any]) -> list[str]:
    old, new = document(), copy.deepcopy(document())
    change(new)
    return sorted(f"{level}: {what}" for level, what in breaking.Comparison(old, new).run())


def post(new: Document) -> Any:
    return new["paths"]["/things"]["post"]


def schemas(new: Document) -> Any:
    return new["components"]["schemas"]


class Breaking(unittest.TestCase):
    def check(self, change: Callable[[Document], Any], *wanted: str) -> None:
        self.assertEqual(found(change), sorted(wanted))

    def test_nothing(self) -> None:
        self.check(lambda new: None)

    def test_operations(self) -> None:
        name = "POST /things"
        self.check(lambda new: new["paths"].clear(), f"breaks: {name}: the operation went")
        self.check(
            lambda new: post(new).update(operationId="addThing"),
            f"breaks: {name}: operationId createThing is addThing",
        )
        self.check(lambda new: new["paths"].update({"/more": {"get": {"operationId": "more"}}}))

    def test_parameters(self) -> None:
        name = "POST /things request"
        self.check(lambda new: post(new)["parameters"].pop(0), f"breaks: {name} query q: the parameter went")
        self.check(
            lambda new: new["components"]["parameters"]["Q"].update(required=True),
            f"breaks: {name} query q: newly required",
        )
        self.check(
            lambda new: post(new)["parameters"].append({"in": "query", "name": "z", "required": True, "schema": {}}),
            f"breaks: {name} query z: newly required",
        )
        self.check(lambda new: post(new)["parameters"].append({"in": "query", "name": "z", "schema": {}}))
        self.check(lambda new: post(new)["parameters"].reverse())
        self.check(
            lambda new: post(new)["parameters"][1].update(explode=True),
            f"breaks: {name} query ids: explode False is True",
        )
        self.check(
            lambda new: new["paths"]["/things"].pop("parameters"),
            f"breaks: {name} header If-Match: the parameter went",
        )

    def test_bodies(self) -> None:
        self.check(
            lambda new: post(new)["requestBody"].update(required=True),
            "breaks: POST /things request: a body is newly required",
        )
        self.check(
            lambda new: post(new)["responses"]["200"]["content"].pop("text/csv"),
            "breaks: POST /things response 200: text/csv went",
        )
        self.check(
            lambda new: post(new)["responses"].update({"201": post(new)["responses"].pop("200")}),
            "breaks: POST /things response 200: the status went",
        )
        self.check(lambda new: post(new)["responses"].pop("422"))

    def test_fields(self) -> None:
        def rename(of: str) -> Callable[[Document], Any]:
            return lambda new: schemas(new)[of]["properties"].update(n=schemas(new)[of]["properties"].pop("number"))

        self.check(rename("In"), "breaks: In (request) number: the field went")
        self.check(rename("Out"), "breaks: Out (response) number: the field went")
        self.check(
            lambda new: schemas(new)["Part"]["properties"].pop("x"),
            "breaks: Part (request) x: the field went",
            "breaks: Part (response) x: the field went",
        )

    def test_required(self) -> None:
        self.check(
            lambda new: schemas(new)["In"].update(required=["word", "text"]),
            "breaks: In (request) text: newly required",
        )
        self.check(lambda new: schemas(new)["In"].update(required=[]))
        self.check(
            lambda new: schemas(new)["Out"].update(required=["word"]),
            "breaks: Out (response) text: no longer always there",
        )
        self.check(lambda new: schemas(new)["Out"].update(required=["word", "text", "number"]))

    def test_words(self) -> None:
        def to(of: str, *words: str) -> Callable[[Document], Any]:
            return lambda new: schemas(new)[of]["properties"]["word"].update(enum=list(words))

        self.check(to("In", "a"), "breaks: In (request) word: the word b went")
        self.check(to("In", "b", "a", "c"))
        self.check(to("Out", "a"), "breaks: Out (response) word: the word b went")
        self.check(to("Out", "a", "b", "c"), "may break: Out (response) word: the words are a, b, c")
        self.check(
            lambda new: schemas(new)["In"]["properties"]["text"].update(enum=["x", None]),
            "breaks: In (request) text: only x",
        )

    def test_types(self) -> None:
        def to(of: str, field: str, **what: Any) -> Callable[[Document], Any]:
            return lambda new: schemas(new)[of]["properties"][field].update(what)

        self.check(to("In", "text", type="string"), "breaks: In (request) text: null is refused")
        self.check(to("Out", "text", type="string"))
        self.check(to("Out", "number", type=["integer", "null"]), "breaks: Out (response) number: it may be null")
        self.check(to("In", "number", type=["integer", "null"]))
        self.check(to("In", "number", type="number"))
        self.check(
            to("Out", "number", type="number"), "breaks: Out (response) number: the type ['integer'] is ['number']"
        )
        self.check(to("In", "number", format="int32"), "breaks: In (request) number: format None is int32")
        self.check(to("In", "text", maxLength=8), "breaks: In (request) text: maxLength is 8, was 9")
        self.check(to("In", "text", maxLength=10))
        self.check(to("Out", "text", maxLength=8))

    def test_unions(self) -> None:
        def kinds(new: Document) -> list[Document]:
            found: list[Document] = schemas(new)["Kind"]["oneOf"]
            return found

        self.check(lambda new: kinds(new).reverse())
        self.check(
            lambda new: kinds(new).pop(),
            "breaks: Kind (request): the kind walk went",
            "breaks: Kind (response): the kind walk went",
        )
        self.check(
            lambda new: kinds(new).insert(0, {"$ref": "#/components/schemas/Part"}),
            "may break: Kind (response): new kinds Part",
        )
        self.check(
            lambda new: (
                schemas(new)["Walk"]["properties"].update(far={"type": "string"})
                or schemas(new)["Walk"].update(required=["do", "far"])
            ),
            "breaks: Walk (request) far: newly required",
        )

    def test_names(self) -> None:
        def rename(new: Document) -> None:
            schemas(new)["Result"] = schemas(new).pop("Out")
            content = post(new)["responses"]["200"]["content"]
            content["application/json"]["schema"]["$ref"] = "#/components/schemas/Result"

        self.check(rename, "may break: POST /things response 200: the schema Out is Result")


if __name__ == "__main__":
    unittest.main()
