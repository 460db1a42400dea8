"""The text of an expression, to sqlglot's syntax tree. sqlglot is a parser here and nothing else.

It takes more than PostgreSQL does, and other things for the same. So the words and signs of the text are held against a list first,
before anything of it is parsed: what is not on it does not reach the parser, and its nesting is counted without recursion.
"""

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]

from fsdb.errors import InvalidDefinition
from fsdb.expressions import tree
from fsdb.listing import listed

LONGEST = 10_000  # letters
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")  # a name that needs no quotes
MOST_TOKENS = 2_000
_DEEPEST = 40  # brackets in brackets
FUNCTIONS = frozenset(
    [
        "abs",
        "ceil",
        "ceiling",
        "floor",
        "trunc",
        "sign",
        "sqrt",
        "mod",
        "div",
        "greatest",
        "least",
        "coalesce",
        "nullif",
        "length",
        "char_length",
        "upper",
        "lower",
        "starts_with",
        "strpos",
        "extract",
        "cast",
        "round",
    ]
)
_BEFORE_BRACKETS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "when",
        "then",
        "else",
        "case",
        "between",
        "is",
        "from",
        "as",
        "like",
        "collate",
        "interval",
        "zone",
        "distinct",
        "symmetric",
    ]
)
_SIGNS = frozenset({"+", "-", "*", "/", "%", "=", "<>", "!=", "<", "<=", ">", ">=", "||", "::", "(", ")", ",", "."})
_PREFIXES = frozenset({"not", "-", "+"})
_ADVICE = {
    **dict.fromkeys(
        [
            "exp",
            "ln",
            "log",
            "log10",
            "power",
            "pow",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "atan2",
            "sinh",
            "cosh",
            "tanh",
            "cbrt",
            "erf",
            "degrees",
            "radians",
            "pi",
        ],
        "its last digits differ between machines and engines. Keep its result as a feature",
    ),
    **dict.fromkeys(
        [
            "now",
            "clock_timestamp",
            "statement_timestamp",
            "transaction_timestamp",
            "timeofday",
            "random",
            "gen_random_uuid",
            "nextval",
            "current_setting",
        ],
        "it gives another value at each call. Give what it is to be as a request column",
    ),
    **dict.fromkeys(
        ["sum", "count", "avg", "min", "max", "stddev", "array_agg", "string_agg"],
        "an expression is about one row. Declare an aggregate as a feature of its own",
    ),
    **dict.fromkeys(
        ["date_trunc", "date_part", "to_char", "to_timestamp", "to_date", "age", "make_timestamptz"],
        "it follows the session's time zone or language. Write extract(hour from x AT TIME ZONE 'UTC') and the like",
    ),
}


def parsed(text: str, name: str) -> exp.Expr:
    """The syntax tree of the expression `name`. Raises InvalidDefinition for what is no single expression of known words."""
    if not text.strip():
        raise InvalidDefinition(f"Expression {name} is empty: write an SQL expression, such as 'fee / 100.0::float8'.")
    if len(text) > LONGEST:
        raise InvalidDefinition(
            f"Expression {name} has {len(text):,} letters, and {LONGEST:,} are the most: divide it into several expressions."
        )
    if "\x00" in text:
        raise InvalidDefinition(f"Expression {name} holds a zero byte, which no text of PostgreSQL has: take it out.")
    tokens = _tokens(text, name)
    _check(tokens, name)
    try:
        trees = sqlglot.parse(text, read="postgres")
    except (SqlglotError, RecursionError, ValueError) as error:
        where = str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")[:120]
        raise InvalidDefinition(
            f"Expression {name} is no SQL expression that fsdb understands: {where} Correct it there."
        ) from error
    if len(trees) != 1 or trees[0] is None:
        raise InvalidDefinition(f"Expression {name} is not one expression: give exactly one, without a semicolon.")
    if _depth(trees[0]) > tree.DEEPEST:
        raise nested(name)
    return trees[0]


def rewritten(text: str, names: Mapping[str, str]) -> str:
    """The text of an expression with other names of its inputs, which are names without a dot."""
    tokens = _tokens(text, text)
    for before, token, after in reversed(list(zip([None, *tokens], tokens, [*tokens[1:], None], strict=False))):
        written = text[token.start : token.end + 1]
        is_type = before is not None and before.token_type == TokenType.DCOLON
        is_call = after is not None and after.token_type == TokenType.L_PAREN
        if token.token_type == TokenType.STRING or is_type or is_call:
            continue
        name = token.text if written.startswith('"') else written.lower()
        if name in names:
            new = names[name]
            quoted = new if _PLAIN.fullmatch(new) else '"' + new.replace('"', '""') + '"'
            text = text[: token.start] + quoted + text[token.end + 1 :]
    return text


def nested(name: str) -> InvalidDefinition:
    """The refusal of an expression that is too deep."""
    return InvalidDefinition(
        f"Expression {name} is nested too deep, or a chain of too many terms: divide it into several expressions."
    )


def _depth(syntax: exp.Expr) -> int:
    deepest, level = 0, [syntax]
    while level:
        deepest += 1
        level = [child for node in level for child in node.iter_expressions()]
    return deepest


def _tokens(text: str, name: str) -> list[Token]:
    try:
        return sqlglot.tokenize(text, read="postgres")
    except (SqlglotError, RecursionError, ValueError) as error:
        raise InvalidDefinition(
            f"Expression {name} cannot be taken apart into words: a quote or bracket is not closed, or a sign is none of SQL's."
        ) from error


def _check(tokens: list[Token], name: str) -> None:
    if len(tokens) > MOST_TOKENS:
        raise InvalidDefinition(
            f"Expression {name} has {len(tokens):,} words and signs, and {MOST_TOKENS:,} are the most: divide it into several expressions."
        )
    if not tokens or any(token.comments for token in tokens):
        raise InvalidDefinition(f"Expression {name} holds a comment: say what it is for in description= instead.")
    depth, prefixes = 0, 0
    for at, token in enumerate(tokens):
        text = token.text.lower()
        quoted = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.token_type == TokenType.SEMICOLON:
            raise InvalidDefinition(f"Expression {name} is not one expression: give exactly one, without a semicolon.")
        if not quoted:
            depth += text in ("(", "case")
            depth -= text in (")", "end")
            prefixes = prefixes + 1 if text in _PREFIXES else 0
            _word(token, following, tokens[at - 1] if at else None, name)
        if max(depth, prefixes) > _DEEPEST:
            raise nested(name)


def _word(token: Token, following: Token | None, before: Token | None, name: str) -> None:
    text = token.text.lower()
    if token.token_type == TokenType.NUMBER:
        adjacent = following is not None and following.start == token.end + 1
        if adjacent and following is not None and (following.text[0].isalnum() or following.text[0] == "_"):
            raise InvalidDefinition(
                f"Expression {name} has the number {token.text}{following.text}, which not every PostgreSQL reads alike: write it in decimal digits."
            )
        return
    if token.token_type in _LITERALS:
        raise InvalidDefinition(
            f"Expression {name} has a text or number in a form that expressions do not know: write a text between single quotes, a number in decimal digits."
        )
    word = text[:1].isalpha() or text[:1] == "_"
    if not word and text not in _SIGNS:
        raise InvalidDefinition(
            f"Expression {name} has {token.text!r}, which expressions do not know: use {listed(sorted(_SIGNS - {'(', ')', ',', '.'}))}, AND, OR, NOT, CASE and functions."
        )
    if not word:
        return
    calls = following is not None and following.text == "(" and following.token_type == TokenType.L_PAREN
    after_dot = before is not None and before.text == "."
    if after_dot and not calls:
        return  # a feature's name
    if text in ("select", "exists", "with", "values", "over", "filter", "within", "array", "row", "any", "some", "all"):
        raise InvalidDefinition(
            f"Expression {name} has {token.text.upper()}: an expression reads its inputs alone, no query, array or other rows."
        )
    if text.startswith("current_") or text in ("localtime", "localtimestamp", "session_user", "user"):
        raise InvalidDefinition(
            f"Expression {name} has {token.text}: {_ADVICE['now'].replace('call', 'call and to each session')}."
        )
    if before is not None and before.text.lower() in ("::", "as"):
        return  # a type, perhaps with its digits
    if calls and (after_dot or text not in FUNCTIONS | _BEFORE_BRACKETS):
        advice = _ADVICE.get(text)
        if advice is not None:
            raise InvalidDefinition(f"Expression {name} calls {token.text}: {advice}.")
        raise InvalidDefinition(
            f"Expression {name} calls {token.text}, which expressions do not know. Known: {', '.join(sorted(FUNCTIONS))}."
        )


_LITERALS = frozenset(
    getattr(TokenType, kind)
    for kind in (
        [
            "HEX_STRING",
            "BIT_STRING",
            "BYTE_STRING",
            "RAW_STRING",
            "HEREDOC_STRING",
            "UNICODE_STRING",
            "NATIONAL_STRING",
            "PARAMETER",
            "PLACEHOLDER",
        ]
    )
    if hasattr(TokenType, kind)
)
