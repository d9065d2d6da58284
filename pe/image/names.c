#include <peload/pe.h>

#define CASE(name, number) \
    case number:           \
        return #name;

const char *pe_machine_name(uint16_t machine)
{
    switch (machine) {
        PE_MACHINE_LIST(CASE)
    default:
        return NULL;
    }
}

const char *pe_file_flag_name(uint32_t bit)
{
    switch (bit) {
        PE_FILE_FLAG_LIST(CASE)
    default:
        return NULL;
    }
}

const char *pe_dll_flag_name(uint32_t bit)
{
    switch (bit) {
        PE_DLL_FLAG_LIST(CASE)
    default:
        return NULL;
    }
}

const char *pe_section_flag_name(uint32_t bit)
{
    switch (bit) {
        PE_SCN_FLAG_LIST(CASE)
    default:
        return NULL;
    }
}

const char *pe_subsystem_name(uint16_t subsystem)
{
    switch (subsystem) {
        PE_SUBSYSTEM_LIST(CASE)
    default:
        return NULL;
    }
}
