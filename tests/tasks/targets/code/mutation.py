"""One small, fixed fault in a program: what its tests are there to find."""

import ast

_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def mutated(program: str, function: str) -> tuple[str, str]:
    """The program with the last operator or number of a function changed, and what was changed.

    A function with neither returns None.
    """
    tree = ast.parse(program)
    body = next(part for part in reversed(tree.body) if isinstance(part, ast.FunctionDef) and part.name == function)
    for node in sorted(ast.walk(body), key=lambda node: getattr(node, "lineno", 0), reverse=True):
        match node:
            case ast.BinOp() | ast.BoolOp() if type(node.op) in _OPERATORS:
                old, node.op = type(node.op), _OPERATORS[type(node.op)]()
                return ast.unparse(tree), f"{old.__name__} to {type(node.op).__name__}"
            case ast.Compare() if type(node.ops[0]) in _OPERATORS:
                old, node.ops[0] = type(node.ops[0]), _OPERATORS[type(node.ops[0])]()
                return ast.unparse(tree), f"{old.__name__} to {type(node.ops[0]).__name__}"
            case ast.Constant(value=int() | float() as number):
                node.value = (not number) if isinstance(number, bool) else number + 1
                return ast.unparse(tree), f"{number} to {node.value}"
    body.body = [ast.Return(ast.Constant(None))]
    return ast.unparse(ast.fix_missing_locations(tree)), "None"
