/* msvc_other.cpp: catches what msvc.dll throws. */
extern "C" int _fltused = 0;
extern "C" void *type_info_table[2] = {nullptr, nullptr};
#pragma comment(linker, "/alternatename:??_7type_info@@6B@=type_info_table")

struct number {
    int value;
};

extern "C" __declspec(dllimport) void throw_number(int value, int *destroyed);

extern "C" __declspec(dllexport) int catch_across()
{
    int destroyed = 0;
    try {
        throw_number(2, &destroyed);
    } catch (const number &caught) {
        return caught.value + destroyed;
    }
    return -1;
}
