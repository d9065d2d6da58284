#include "os/os.h"

#include <windows.h>

#include "check.h"

static void address_that_is_taken_is_busy(void)
{
    void *range, *other = NULL;
    REQUIRE(ldr__os_reserve(0, 0x30000, 4096, &range) == LDR_OK);
    CHECK(ldr__os_reserve((uintptr_t)range + 0x10000, 0x10000, 4096, &other) == LDR_ADDRESS_BUSY);
    ldr__os_unmap(range, 0x30000);
    CHECK(ldr__os_reserve((uintptr_t)range, 0x30000, 4096, &other) == LDR_OK);
    CHECK(other == range);
    ldr__os_unmap(other, 0x30000);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        {"address_that_is_taken_is_busy", address_that_is_taken_is_busy}};
    return check_run(tests, sizeof tests / sizeof tests[0], argc > 1 ? argv[1] : NULL);
}
