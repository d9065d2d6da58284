/* catch.cpp: catches what another DLL throws. */
#include <stdexcept>
#include <string>

extern "C" __declspec(dllimport) void throw_text(int number);

extern "C" __declspec(dllexport) int catch_across(int number)
{
    try {
        throw_text(number);
    } catch (const std::runtime_error &caught) {
        return caught.what() == "number " + std::to_string(number);
    }
    return -1;
}
