/*
 * throw.cpp: C++ exceptions as GCC compiles them for Windows: RaiseException with a code of its
 * own, and RtlUnwindEx to each clean-up and to the handler.
 *
 * Each export runs one situation and returns what happened, as decimal digits in the order of
 * events.
 */
#include <csetjmp>
#include <new>
#include <string>

#define EXPORT extern "C" __declspec(dllexport)

namespace
{

unsigned long long events;

void event(int number)
{
    events = 10 * events + static_cast<unsigned long long>(number);
}

struct at_end {
    int number;
    ~at_end()
    {
        event(number);
    }
};

__attribute__((noinline)) void throw_int(int value)
{
    at_end first{1};
    if (value != 0)
        throw value;
}

__attribute__((noinline)) int deep(int depth, double scale)
{
    double before = scale * depth;
    std::string text(static_cast<std::size_t>(depth) + 40, 'x');
    if (depth == 0)
        throw text;
    int result = deep(depth - 1, scale + 1);
    return result + static_cast<int>(before) + static_cast<int>(text.size());
}

std::jmp_buf jump_buffer;

__attribute__((noinline)) void jump_out()
{
    std::longjmp(jump_buffer, 7);
}

} // namespace

/* Destructors on the way (1, 2), then the handler. */
EXPORT unsigned long long cxx_catch(int value)
{
    events = 0;
    try {
        at_end second{2};
        throw_int(value);
    } catch (int caught) {
        event(caught);
    }
    return events;
}

/* Handlers of other types are passed over. */
EXPORT unsigned long long cxx_by_type()
{
    events = 0;
    try {
        try {
            throw_int(4);
        } catch (const std::bad_alloc &) {
            event(9);
        }
    } catch (...) {
        event(3);
    }
    return events;
}

EXPORT unsigned long long cxx_rethrow()
{
    events = 0;
    try {
        try {
            throw_int(4);
        } catch (int) {
            event(2);
            throw;
        }
    } catch (int caught) {
        event(caught);
    }
    return events;
}

/* A handler that throws something else. */
EXPORT unsigned long long cxx_throw_in_catch()
{
    events = 0;
    try {
        try {
            throw_int(4);
        } catch (int) {
            throw std::string("xyz");
        }
    } catch (const std::string &text) {
        event(static_cast<int>(text.size()));
    }
    return events;
}

/* Through many frames, to an object with a destructor of its own. */
EXPORT unsigned long long cxx_deep(int depth)
{
    try {
        return static_cast<unsigned long long>(deep(depth, 1.5));
    } catch (const std::string &text) {
        return text.size();
    }
}

/* Many in a row: nothing is left behind. */
EXPORT unsigned long long cxx_many(int count)
{
    unsigned long long caught = 0;
    for (int i = 0; i < count; i++) {
        try {
            throw i;
        } catch (int) {
            caught++;
        }
    }
    return caught;
}

EXPORT unsigned long long cxx_longjmp()
{
    events = 0;
    int value = setjmp(jump_buffer);
    if (value == 0)
        jump_out();
    event(value);
    return events;
}

/* Nobody catches it. */
EXPORT unsigned long long cxx_uncaught()
{
    throw 1;
}
