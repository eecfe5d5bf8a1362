/*
 * Undefined behaviour, found as it happens: the compiler's code calls one of these, each panics and says
 * where in the source, what, and with which values. Names and layouts are those of gcc's -fsanitize=undefined.
 *
 * Floor: san/undefined, near the ground, for all code may call it; it calls up to panic.
 */
#include "base/kassert.h"
#include "base/printf.h"

struct place {
	const char *file;
	uint32_t line, column;
};

struct type {
	uint16_t kind; /* KIND_INTEGER, or another */
	uint16_t info; /* of an integer: log2 of its bits, twice, and 1 for a signed one */
	char name[];   /* as it is written in C, in quotes */
};
#define KIND_INTEGER 0

/* An integer in words: by value, or for more than 64 bits by its address. */
struct number {
	char text[24];
};

static struct number number(const struct type *t, uint64_t value)
{
	struct number n;
	unsigned bits = 1u << (t->info >> 1);

	if (t->kind != KIND_INTEGER || bits > 64)
		ksnprintf(n.text, sizeof(n.text), "?");
	else if (t->info & 1)
		ksnprintf(n.text, sizeof(n.text), "%ld", (long)(value << (64 - bits)) >> (64 - bits));
	else
		ksnprintf(n.text, sizeof(n.text), "%lu", (unsigned long)value);
	return n;
}

#define FOUND(place, fmt, ...) panic("undefined: %s:%u:%u: " fmt, (place)->file, (place)->line, (place)->column __VA_OPT__(, ) __VA_ARGS__)

/* Each handler's arguments begin with what the compiler knows of the place. A prototype first, as the compiler wants to see one. */
#define HANDLER(name, ...)                                      \
	void __ubsan_handle_##name(__VA_ARGS__) __noreturn;     \
	void __ubsan_handle_##name(__VA_ARGS__)

struct operation {
	struct place place;
	const struct type *type;
};

#define ARITHMETIC(action, sign)                                                                                      \
	HANDLER(action##_overflow_abort, const struct operation *op, uint64_t a, uint64_t b)                          \
	{                                                                                                             \
		FOUND(&op->place, "%s " sign " %s does not fit %s", number(op->type, a).text, number(op->type, b).text, op->type->name); \
	}
ARITHMETIC(add, "+")
ARITHMETIC(sub, "-")
ARITHMETIC(mul, "*")

HANDLER(divrem_overflow_abort, const struct operation *op, uint64_t a, uint64_t b)
{
	FOUND(&op->place, "%s divided by %s, as %s", number(op->type, a).text, number(op->type, b).text, op->type->name);
}

HANDLER(negate_overflow_abort, const struct operation *op, uint64_t a)
{
	FOUND(&op->place, "-(%s) does not fit %s", number(op->type, a).text, op->type->name);
}

struct shift {
	struct place place;
	const struct type *left, *right;
};

HANDLER(shift_out_of_bounds_abort, const struct shift *s, uint64_t a, uint64_t b)
{
	FOUND(&s->place, "%s of %s shifted by %s", number(s->left, a).text, s->left->name, number(s->right, b).text);
}

struct indexing {
	struct place place;
	const struct type *array, *index;
};

HANDLER(out_of_bounds_abort, const struct indexing *x, uint64_t i)
{
	FOUND(&x->place, "index %s of %s", number(x->index, i).text, x->array->name);
}

struct access {
	struct place place;
	const struct type *type;
	uint8_t log_align;
	uint8_t kind;
};

HANDLER(type_mismatch_v1_abort, const struct access *a, uint64_t pointer)
{
	static const char *const kinds[] = { "a load of", "a store to", "a reference to", "a member of", "a call of a member of" };
	const char *kind = a->kind < ARRAY_COUNT(kinds) ? kinds[a->kind] : "a use of";
	uint64_t align = 1UL << a->log_align;

	if (pointer == 0)
		FOUND(&a->place, "%s %s through NULL", kind, a->type->name);
	if (pointer & (align - 1))
		FOUND(&a->place, "%s %s at %lx, which is no multiple of %lu", kind, a->type->name, (unsigned long)pointer, (unsigned long)align);
	FOUND(&a->place, "%s %s at %lx, where there is not so much room", kind, a->type->name, (unsigned long)pointer);
}

HANDLER(pointer_overflow_abort, const struct place *at, uint64_t base, uint64_t result)
{
	FOUND(at, "a pointer goes from %lx to %lx", (unsigned long)base, (unsigned long)result);
}

HANDLER(load_invalid_value_abort, const struct operation *op, uint64_t value)
{
	FOUND(&op->place, "%s is no value of %s", number(op->type, value).text, op->type->name);
}

HANDLER(vla_bound_not_positive_abort, const struct operation *op, uint64_t bound)
{
	FOUND(&op->place, "an array of %s elements", number(op->type, bound).text);
}

HANDLER(builtin_unreachable, const struct place *at) { FOUND(at, "code that cannot be reached is reached"); }
HANDLER(missing_return, const struct place *at) { FOUND(at, "the end of a function that returns a value"); }

struct builtin {
	struct place place;
	uint8_t kind;
};

HANDLER(invalid_builtin_abort, const struct builtin *b) { FOUND(&b->place, "zeroes counted before the first bit of 0"); }

struct argument {
	struct place place, declared;
	int index;
};

HANDLER(nonnull_arg_abort, const struct argument *a) { FOUND(&a->place, "argument %d is NULL, which it must not be", a->index); }
HANDLER(nonnull_return_v1_abort, const void *declared __unused, const struct place *at) { FOUND(at, "NULL is returned, which must not be"); }
