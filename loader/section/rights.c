#include "section/rights.h"

bool ldr__protect_is_single(uint32_t protect)
{
    return protect != 0 && protect <= LDR_PAGE_EXECUTE_WRITECOPY && (protect & (protect - 1)) == 0;
}

bool ldr__protect_is_valid(uint32_t protect)
{
    uint32_t base = protect & ~(uint32_t)LDR_PAGE_GUARD;
    return ldr__protect_is_single(base) && protect != (LDR_PAGE_NOACCESS | LDR_PAGE_GUARD);
}

bool ldr__protect_executes(uint32_t protect)
{
    return ldr__protect_no_execute(ldr__protect_base(protect)) != ldr__protect_base(protect);
}

bool ldr__protect_is_shared_write(uint32_t protect)
{
    return (protect & (LDR_PAGE_READWRITE | LDR_PAGE_EXECUTE_READWRITE)) != 0;
}

bool ldr__protect_is_copy(uint32_t protect)
{
    return (protect & (LDR_PAGE_WRITECOPY | LDR_PAGE_EXECUTE_WRITECOPY)) != 0;
}

uint32_t ldr__protect_copying(uint32_t protect)
{
    uint32_t others = protect & ~(uint32_t)(LDR_PAGE_READWRITE | LDR_PAGE_EXECUTE_READWRITE);
    return others | (protect & LDR_PAGE_READWRITE ? LDR_PAGE_WRITECOPY : 0) |
           (protect & LDR_PAGE_EXECUTE_READWRITE ? LDR_PAGE_EXECUTE_WRITECOPY : 0);
}

int ldr__protect_mapping(uint32_t protect)
{
    return protect & LDR_PAGE_GUARD ? LDR__NO_ACCESS
                                    : ldr__protect_access(ldr__protect_base(protect));
}

bool ldr__protect_allows(uint32_t most, uint32_t protect)
{
    static const uint32_t reading = LDR_PAGE_NOACCESS | LDR_PAGE_READONLY | LDR_PAGE_WRITECOPY;
    static const uint32_t executing =
        LDR_PAGE_EXECUTE | LDR_PAGE_EXECUTE_READ | LDR_PAGE_EXECUTE_WRITECOPY;
    uint32_t allowed = LDR_PAGE_NOACCESS;
    switch (ldr__protect_base(most)) {
    case LDR_PAGE_READONLY:
    case LDR_PAGE_WRITECOPY:
        allowed = reading;
        break;
    case LDR_PAGE_READWRITE:
        allowed = reading | LDR_PAGE_READWRITE;
        break;
    case LDR_PAGE_EXECUTE:
        allowed = LDR_PAGE_NOACCESS | LDR_PAGE_EXECUTE;
        break;
    case LDR_PAGE_EXECUTE_READ:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        allowed = reading | executing;
        break;
    case LDR_PAGE_EXECUTE_READWRITE:
        allowed = reading | executing | LDR_PAGE_READWRITE | LDR_PAGE_EXECUTE_READWRITE;
        break;
    default:
        break;
    }
    return (allowed & ldr__protect_base(protect)) != 0;
}

uint32_t ldr__protect_file_access(uint32_t protect)
{
    switch (protect) {
    case LDR_PAGE_READWRITE:
        return LDR_FILE_READ | LDR_FILE_WRITE;
    case LDR_PAGE_EXECUTE:
        return LDR_FILE_EXECUTE;
    case LDR_PAGE_EXECUTE_READ:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return LDR_FILE_EXECUTE | LDR_FILE_READ;
    case LDR_PAGE_EXECUTE_READWRITE:
        return LDR_FILE_EXECUTE | LDR_FILE_READ | LDR_FILE_WRITE;
    default:
        return LDR_FILE_READ;
    }
}

uint32_t ldr__protect_section_access(uint32_t protect)
{
    switch (ldr__protect_base(protect)) {
    case LDR_PAGE_READWRITE:
        return LDR_SECTION_MAP_WRITE;
    case LDR_PAGE_EXECUTE:
        return LDR_SECTION_MAP_EXECUTE;
    case LDR_PAGE_EXECUTE_READ:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return LDR_SECTION_MAP_EXECUTE | LDR_SECTION_MAP_READ;
    case LDR_PAGE_EXECUTE_READWRITE:
        return LDR_SECTION_MAP_EXECUTE | LDR_SECTION_MAP_WRITE;
    default:
        return LDR_SECTION_MAP_READ;
    }
}

/* EXECUTE_x is x moved by four bits, and EXECUTE is NOACCESS. */
uint32_t ldr_protect_of_access(uint32_t file_map_access)
{
    enum { COPY = 1, WRITE = 2, READ = 4, EXECUTE = 0x20, RIGHTS = 0xFFFF };
    uint32_t protect = LDR_PAGE_NOACCESS;
    if ((file_map_access & RIGHTS & ~(uint32_t)EXECUTE) == COPY)
        protect = LDR_PAGE_WRITECOPY;
    else if ((file_map_access & WRITE) != 0)
        protect = LDR_PAGE_READWRITE;
    else if ((file_map_access & READ) != 0)
        protect = LDR_PAGE_READONLY;
    return (file_map_access & EXECUTE) != 0 ? protect << 4 : protect;
}
