# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""Eight 64-bit words at once, for compiled code: what the compiler does not find by itself.

Left to vectorise the same additions word by word, it gives up, and the hot loop takes three times as long.
`load(array, at)`, `store(array, at, lanes)`, `add(lanes, lanes)`, `zero()`, `meets(lanes, word)`: whether any
word has a bit in common with `word`. Arrays are flat uint64; nothing checks that `at` + 8 fits.
"""

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array

WORDS = 8

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, WORDS)


class Lanes(types.Type):
    """The numba type of eight words held together."""

    def __init__(self):
        super().__init__(name="Lanes")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


_LANES = Lanes()


def _address(context, builder, signature, arguments):
    array = make_array(signature.args[0])(context, builder, arguments[0])
    word = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(word, _VECTOR.as_pointer())


@intrinsic
def load(typing_context, array, at):  # noqa: ARG001
    def generate(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature, arguments), align=8)

    return _LANES(array, at), generate


@intrinsic
def store(typing_context, array, at, lanes):  # noqa: ARG001
    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=8)
        return context.get_dummy_value()

    return types.void(array, at, _LANES), generate


@intrinsic
def zero(typing_context):  # noqa: ARG001
    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return ir.Constant(_VECTOR, [0] * WORDS)

    return _LANES(), generate


@intrinsic
def add(typing_context, one, other):  # noqa: ARG001
    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.add(*arguments)

    return _LANES(_LANES, _LANES), generate


@intrinsic
def meets(typing_context, lanes, word):  # noqa: ARG001
    def generate(context, builder, signature, arguments):  # noqa: ARG001
        lone = builder.insert_element(
            ir.Constant(_VECTOR, ir.Undefined), arguments[1], ir.Constant(ir.IntType(32), 0)
        )
        every = builder.shuffle_vector(
            lone,
            ir.Constant(_VECTOR, ir.Undefined),
            ir.Constant(ir.VectorType(ir.IntType(32), WORDS), [0] * WORDS),
        )
        common = builder.icmp_unsigned(
            "!=", builder.and_(arguments[0], every), ir.Constant(_VECTOR, [0] * WORDS)
        )
        return cgutils.is_not_null(builder, builder.bitcast(common, ir.IntType(WORDS)))

    return types.boolean(_LANES, types.uint64), generate
