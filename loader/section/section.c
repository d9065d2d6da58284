/* section.c: how long a section lives, whatever it is made of. */
#include "section/data.h"
#include "section/demand.h"
#include "section/diag.h"

ldr_section *ldr__section_new(const char *name)
{
    ldr_section *section = ldr__os_alloc(sizeof *section);
    if (section == NULL)
        return NULL;
    atomic_init(&section->references, 1);
    atomic_init(&section->fill, LDR_FILL_EAGER);
    section->file = section->segment = section->shared = LDR__NO_HANDLE;
    section->data.backing = section->descriptor_segment = LDR__NO_HANDLE;
    section->native = LDR__NO_HANDLE;
    atomic_init(&section->copy, LDR__NO_HANDLE.value);
    section->mark = LDR__NO_MARK;
    section->access = LDR_SECTION_ALL_ACCESS;
    section->shared_mark = LDR__NO_MARK;
    ldr__copy_text(section->name, sizeof section->name, name);
    return section;
}

void ldr__section_release(ldr_section *section)
{
    if (atomic_fetch_sub(&section->references, 1) > 1)
        return;
    ldr__data_release(section);
    ldr__os_registry_unpublish(section->shared_mark);
    ldr__demand_release(section->demand);
    ldr__os_close(section->file);
    ldr__os_close(section->segment);
    ldr__os_close(section->shared);
    ldr__os_close(section->native);
    ldr__os_close((ldr__handle){atomic_load(&section->copy)});
    ldr__relocated_release(atomic_load(&section->relocated));
    ldr__os_free(section->plan.subsections);
    ldr__os_free(section->headers);
    ldr__os_free(section);
}

/* The name goes before the views do (H18). */
void ldr_section_close(ldr_section *section)
{
    if (section == NULL)
        return;
    ldr__registry_mark mark = section->mark;
    section->mark = LDR__NO_MARK;
    ldr__os_registry_unpublish(mark);
    ldr__section_release(section);
}

ldr_fill ldr_section_fill(const ldr_section *section)
{
    return atomic_load(&section->fill);
}

uint64_t ldr_section_size(const ldr_section *section)
{
    if (section->is_data)
        return section->data.size;
    return section->maximum_size != 0 ? section->maximum_size : section->plan.size;
}

const pe_image *ldr_section_image(const ldr_section *section)
{
    return section->is_data ? NULL : &section->image;
}
