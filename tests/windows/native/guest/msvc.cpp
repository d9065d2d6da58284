/* msvc.cpp: C++ exceptions as Microsoft's compiler has them: thrown by _CxxThrowException, which
 * has to find the image, and caught by __CxxFrameHandler3. */
#define EXPORT extern "C" __declspec(dllexport)

extern "C" int _fltused = 0;

/* The table of virtual functions of type_info, which the descriptors of types point to. */
extern "C" void *type_info_table[2] = {nullptr, nullptr};
#pragma comment(linker, "/alternatename:??_7type_info@@6B@=type_info_table")

struct counted {
    int *count;
    ~counted()
    {
        ++*count;
    }
};

struct number {
    int value;
};

EXPORT void throw_number(int value, int *destroyed)
{
    counted one{destroyed};
    if (value == 1)
        throw 17;
    if (value == 2)
        throw number{23};
}

/* 100 for each handler of int, 1000 of number, and how many were destroyed. */
EXPORT int catch_number(int value)
{
    int destroyed = 0, result = 0;
    try {
        counted two{&destroyed};
        throw_number(value, &destroyed);
    } catch (int caught) {
        result = caught == 17 ? 100 : -1;
    } catch (const number &caught) {
        result = caught.value == 23 ? 1000 : -2;
    }
    return result + destroyed;
}

/* What is being handled is thrown again. */
EXPORT int catch_again()
{
    int destroyed = 0;
    try {
        try {
            throw_number(2, &destroyed);
        } catch (const number &) {
            throw;
        }
    } catch (const number &caught) {
        return caught.value;
    }
    return -1;
}
