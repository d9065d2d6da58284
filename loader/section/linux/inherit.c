#include "section/inherit.h"
#include "section/data.h"

bool ldr__section_parts_of(const ldr_section *section, ldr__section_parts *ret_parts)
{
    if (!section->is_data)
        return false;
    ret_parts->facts = (ldr__facts){.size = section->data.size,
                                    .protect = section->data.protect,
                                    .attributes = section->data.attributes,
                                    .is_file = section->data.is_file,
                                    .backing = section->id};
    ret_parts->backing = section->data.backing;
    ret_parts->descriptor = section->descriptor_segment;
    return true;
}

/* What the descriptor says decides how large it is. */
static bool are_same(const ldr__facts *a, const ldr__facts *b)
{
    return a->size == b->size && a->protect == b->protect && a->attributes == b->attributes &&
           a->is_file == b->is_file;
}

ldr_status ldr__section_from_parts(const char *name, const ldr__section_parts *parts,
                                   ldr_section **ret_section)
{
    ldr__facts facts;
    ldr_section *section = ldr__section_new(name);
    if (section == NULL)
        return LDR_NO_MEMORY;
    bool described = parts->descriptor.value >= 0;
    ldr_status status = described ? ldr__descriptor_read(parts->descriptor, &facts) : LDR_OK;
    if (status == LDR_OK && described && !are_same(&facts, &parts->facts))
        status = LDR_IO_ERROR;
    if (status == LDR_OK)
        status = ldr__data_attach(section, &parts->facts, parts->backing);
    if (status == LDR_OK && described)
        status = ldr__descriptor_attach(section, parts->descriptor, &parts->facts);
    if (status != LDR_OK) {
        section->data.backing = LDR__NO_HANDLE; /* the caller's again */
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    return LDR_OK;
}
