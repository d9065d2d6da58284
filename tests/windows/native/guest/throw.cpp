/* throw.cpp: C++ exceptions as GCC compiles them, in one DLL and across two. */
#include <stdexcept>
#include <string>

#define EXPORT extern "C" __declspec(dllexport)

namespace
{
int destroyed;

struct counted {
    ~counted()
    {
        destroyed++;
    }
};
} // namespace

EXPORT void throw_text(int number)
{
    counted one;
    if (number != 0)
        throw std::runtime_error("number " + std::to_string(number));
}

EXPORT int catch_inside(int number)
{
    destroyed = 0;
    try {
        counted two;
        throw_text(number);
    } catch (const std::exception &caught) {
        return caught.what() == "number " + std::to_string(number) ? 10 + destroyed : -1;
    }
    return destroyed;
}
