/* section.c: how long a section lives, whatever it is made of. */
#include "section/demand.h"
#include "section/diag.h"
#include "section/object.h"

ldr_section *ldr__section_new(const char *name)
{
    ldr_section *section = ldr__os_alloc(sizeof *section);
    if (section == NULL)
        return NULL;
    atomic_init(&section->references, 1);
    atomic_init(&section->fill, LDR_FILL_EAGER);
    section->file = section->segment = section->shared = LDR__NO_HANDLE;
    ldr__copy_text(section->name, sizeof section->name, name);
    return section;
}

void ldr_section_close(ldr_section *section)
{
    if (section == NULL || atomic_fetch_sub(&section->references, 1) > 1)
        return;
    ldr__demand_release(section->demand);
    ldr__os_close(section->file);
    ldr__os_close(section->segment);
    ldr__os_close(section->shared);
    ldr__relocated_release(atomic_load(&section->relocated));
    ldr__os_free(section->plan.subsections);
    ldr__os_free(section->headers);
    ldr__os_free(section);
}

ldr_fill ldr_section_fill(const ldr_section *section)
{
    return atomic_load(&section->fill);
}

const pe_image *ldr_section_image(const ldr_section *section)
{
    return &section->image;
}
