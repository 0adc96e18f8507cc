"""The .pyi files of the compiled core say what the modules have, and nothing else."""
import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import pysctpsock._cy

MODULES = sorted(info.name for info in pkgutil.iter_modules(pysctpsock._cy.__path__))


def load(name):
    """The module and the parsed stub beside it."""
    module = importlib.import_module(f"pysctpsock._cy.{name}")
    stub = Path(module.__file__).parent / f"{name}.pyi"
    return module, ast.parse(stub.read_text())


def named(nodes):
    """name -> class, function or annotated attribute."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.setdefault(node.name, node)            # a property's setter comes second
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found[node.targets[0].id] = node
    return found


def is_public(name):
    return not name.startswith("_")


def is_property(node):
    return isinstance(node, ast.AnnAssign) or any(
        isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in node.decorator_list)


def stub_signature(function):
    """[(name, default)] as the stub has it; a starred parameter keeps its star."""
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    defaults = [inspect.Parameter.empty] * (len(names) - len(arguments.defaults))
    defaults += [ast.literal_eval(default) for default in arguments.defaults]
    result = list(zip(names, defaults, strict=True))
    return result + ([("*" + arguments.vararg.arg, inspect.Parameter.empty)] if arguments.vararg else [])


def real_signature(function):
    """The same of what is compiled."""
    return [("*" * (parameter.kind is parameter.VAR_POSITIONAL) + parameter.name, parameter.default)
            for parameter in inspect.signature(function).parameters.values()]


def check_class(cls, node):
    assert [ast.unparse(base) for base in node.bases] == [
        base.__name__ for base in cls.__bases__ if base is not object], cls
    stub = named(node.body)
    assert set(filter(is_public, stub)) == set(filter(is_public, vars(cls))), cls
    for name, member in stub.items():
        assert hasattr(cls, name), f"{cls}.{name}"
        real = getattr(cls, name)
        if is_property(member):
            assert inspect.isgetsetdescriptor(real) or inspect.ismemberdescriptor(real), f"{cls}.{name}"
        elif not name.startswith("__"):                  # special methods are wrapped: no signature is left
            assert stub_signature(member) == real_signature(real), f"{cls}.{name}"


def check_enum(cls, node):
    assert {name: ast.literal_eval(member.value) for name, member in named(node.body).items()} == {
        name: int(member) for name, member in cls.__members__.items()}


def test_all_modules_are_here():
    assert {"association", "endpoint", "proto", "tcb"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_stub_agrees_with_module(name):
    """Names, bases, signatures with their defaults, enumerations with their values; both ways."""
    module, tree = load(name)
    stub = named(tree.body)
    real = {key: value for key, value in vars(module).items()
            if is_public(key) and getattr(value, "__module__", None) == module.__name__}
    assert set(stub) == set(real)
    for key, value in real.items():
        if not inspect.isclass(value):
            assert stub_signature(stub[key]) == real_signature(value), key
        elif issubclass(value, int):
            check_enum(value, stub[key])
        else:
            check_class(value, stub[key])
