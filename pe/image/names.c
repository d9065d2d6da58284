#include <peload/pe.h>

const char *pe_machine_name(uint16_t machine)
{
    switch (machine) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_MACHINE_LIST(X)
#undef X
    default:
        return NULL;
    }
}
