"""Checks a JSON value against the parameter types of an official SDK, unknown fields forbidden.

The SDKs describe their requests as TypedDicts. This walks them, so that what a scripted upstream
refuses is decided by the vendor's own types and not by ours.
"""

import types
import typing
from collections.abc import Iterable, Mapping, Sequence

import typing_extensions


def errors(value, kind, path=""):
    """The list of what is wrong with `value`, empty when nothing is."""
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if kind in (typing.Any, object):
        return []
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired,
                  typing.Annotated):
        return errors(value, arguments[0], path)
    if origin in (typing.Union, types.UnionType):
        tries = [errors(value, choice, path) for choice in arguments]
        return [] if any(not found for found in tries) else min(tries, key=lambda found: (weight(found), len(found)))
    if origin in (typing.Literal, typing_extensions.Literal):
        return [] if value in arguments else [f"{path}: not one of {arguments}"]
    if origin in (list, Iterable, Sequence) or kind in (list,):
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        inner = arguments[0] if arguments else object
        return [error for index, item in enumerate(value) for error in errors(item, inner, f"{path}[{index}]")]
    if origin in (dict, Mapping) or kind in (dict,):
        if not isinstance(value, dict):
            return [f"{path}: not an object"]
        inner = arguments[1] if arguments else object
        return [error for key, item in value.items() for error in errors(item, inner, f"{path}.{key}")]
    if typing_extensions.is_typeddict(kind):
        return object_errors(value, kind, path)
    if kind is float:
        return [] if isinstance(value, (int, float)) and not isinstance(value, bool) else [f"{path}: not a number"]
    if kind is int:
        return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{path}: not an integer"]
    if kind in (str, bool):
        return [] if isinstance(value, kind) else [f"{path}: not a {kind.__name__}"]
    if kind is None or kind is type(None):
        return [] if value is None else [f"{path}: not null"]
    # Files and models stand in unions beside the TypedDicts that JSON can express.
    return [f"{path}: {kind} has no JSON form"]


def object_errors(value, kind, path):
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    found = [f"{path}.{key}: Extra inputs are not permitted" for key in value if key not in hints]
    found += [f"{path}.{key}: Field required" for key in kind.__required_keys__ if key not in value]
    for key, item in value.items():
        if key in hints:
            found += errors(item, hints[key], f"{path}.{key}" if path else key)
    return found


def weight(found):
    """A union's best fit is the choice whose tag matches: a wrong literal weighs most."""
    return sum(1 for error in found if "not one of" in error or "has no JSON form" in error)
